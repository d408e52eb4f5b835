//! The arguments of `cargo xtask fuzz-api`.

/// A listener of the product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Plane {
    Partner,
    Operator,
}

impl Plane {
    pub(super) const ALL: [Self; 2] = [Self::Partner, Self::Operator];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Partner => "partner",
            Self::Operator => "operator",
        }
    }
}

/// How long each plane is fuzzed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Length {
    /// As many generated cases for each operation.
    Examples(u32),
    /// As much time.
    Minutes(u32),
}

impl Length {
    /// As it is written on the command line.
    pub(super) fn as_option(&self) -> String {
        match self {
            Self::Examples(count) => format!("--examples {count}"),
            Self::Minutes(count) => format!("--minutes {count}"),
        }
    }
}

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Arguments {
    pub(super) planes: Vec<Plane>,
    pub(super) length: Length,
    /// `None`: one that nobody chose.
    pub(super) seed: Option<u32>,
}

impl Arguments {
    pub(super) fn parse(arguments: &[String]) -> Result<Self, String> {
        let mut parsed = Self { planes: Plane::ALL.to_vec(), length: Length::Minutes(5), seed: None };
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let mut value = || rest.next().ok_or(format!("{argument} needs a value"));
            let number = |text: &String| text.parse().map_err(|_| format!("{argument} {text}: expected a number"));
            let positive = |number: u32| if number > 0 { Ok(number) } else { Err(format!("{argument} 0: too few")) };
            match argument.as_str() {
                "--minutes" => parsed.length = Length::Minutes(positive(number(value()?)?)?),
                "--examples" => parsed.length = Length::Examples(positive(number(value()?)?)?),
                "--seed" => parsed.seed = Some(number(value()?)?),
                "--plane" => {
                    let name = value()?;
                    let plane = Plane::ALL.into_iter().find(|plane| plane.name() == name);
                    parsed.planes = vec![plane.ok_or(format!("--plane {name}: expected partner or operator"))?];
                }
                other => {
                    return Err(format!(
                        "`{other}` is not an option of `cargo xtask fuzz-api`; it has --minutes, --examples, --seed and --plane"
                    ));
                }
            }
        }
        Ok(parsed)
    }
}

#[cfg(test)]
mod tests {
    use super::{Arguments, Length, Plane};

    fn parse(text: &str) -> Result<Arguments, String> {
        let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        Arguments::parse(&words)
    }

    #[test]
    fn what_is_said_is_meant_and_the_rest_is_usual() {
        let usual = parse("").unwrap();
        assert_eq!((usual.planes.len(), usual.length, usual.seed), (2, Length::Minutes(5), None));
        let said = parse("--examples 7 --seed 3 --plane operator").unwrap();
        assert_eq!(said, Arguments { planes: vec![Plane::Operator], length: Length::Examples(7), seed: Some(3) });
    }

    #[test]
    fn anything_else_is_an_error() {
        for wrong in ["--minute 3", "--minutes", "--minutes x", "--examples 0", "--plane public"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
