//! A proxy before AWS services (moto): it notes which IAM actions are called with which access key, and answers some calls
//! with a fault instead.
//!
//! One request per connection, as moto itself has it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

/// A fault: some of the calls of an action are answered with it.
#[derive(Debug, Clone)]
pub struct AwsFault {
    /// The action: `dynamodb:PutItem`, `s3:PutObject`.
    pub action: &'static str,
    /// Every how-manieth call of the action is answered so; 1 for each.
    pub every: u32,
    /// The status: 503, 400.
    pub status: u16,
    /// The body.
    pub body: &'static str,
    /// Whether the service does what it was asked for before: the answer is lost, the effect is not.
    pub after: bool,
}

/// A running proxy. It ends with the process.
#[derive(Clone)]
pub struct AwsProxy {
    address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    called: BTreeMap<String, BTreeSet<String>>,
    faults: Vec<(AwsFault, u32)>,
    injected: u32,
}

impl AwsProxy {
    /// Starts a proxy before this server.
    ///
    /// # Panics
    /// When no port is free.
    #[must_use]
    pub fn before(server: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let proxy = Self { address: listener.local_addr().expect("an address"), shared: Arc::default() };
        let shared = proxy.shared.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let shared = shared.clone();
                // A client that goes away in the middle is the client's affair.
                std::thread::spawn(move || exchange(client, server, &shared).ok());
            }
        });
        proxy
    }

    /// The endpoint for AWS clients: `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The IAM actions that were called so far, by access key.
    #[must_use]
    pub fn called(&self) -> BTreeMap<String, BTreeSet<String>> {
        self.lock().called.clone()
    }

    /// Forgets what was called so far.
    pub fn forget_calls(&self) {
        self.lock().called.clear();
    }

    /// From now on, these faults and no others.
    pub fn fault(&self, faults: &[AwsFault]) {
        self.lock().faults = faults.iter().map(|fault| (fault.clone(), 0)).collect();
    }

    /// How many calls were answered with a fault so far.
    #[must_use]
    pub fn faults(&self) -> u32 {
        self.lock().injected
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn exchange(client: TcpStream, server: SocketAddr, shared: &Mutex<Shared>) -> std::io::Result<()> {
    let mut reader = BufReader::new(client.try_clone()?);
    let request = Request::read(&mut reader)?;
    let actions = request.actions();
    let fault = {
        let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
        shared.called.entry(request.access_key()).or_default().extend(actions.iter().cloned());
        let due = shared.faults.iter_mut().find_map(|(fault, count)| {
            let meant = actions.iter().any(|action| action == fault.action);
            *count += u32::from(meant);
            (meant && count.is_multiple_of(fault.every)).then(|| fault.clone())
        });
        shared.injected += u32::from(due.is_some());
        due
    };
    let mut client = client;
    if fault.as_ref().is_none_or(|fault| fault.after) {
        let mut upstream = TcpStream::connect(server)?;
        upstream.write_all(&request.forwarded())?;
        if fault.is_none() {
            std::io::copy(&mut upstream, &mut client)?;
            return Ok(());
        }
        upstream.read_to_end(&mut Vec::new())?;
    }
    if let Some(fault) = fault {
        let length = fault.body.len();
        write!(
            client,
            "HTTP/1.1 {} Fault\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{}",
            fault.status, fault.body
        )?;
    }
    Ok(())
}

struct Request {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Request {
    fn read(reader: &mut impl BufRead) -> std::io::Result<Self> {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let mut words = line.split_whitespace().map(str::to_owned);
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut request = Self { method, target, headers, body: Vec::new() };
        let length = request.header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
        request.body = vec![0; length];
        reader.read_exact(&mut request.body)?;
        Ok(request)
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The same, and the connection ends with the answer.
    fn forwarded(&self) -> Vec<u8> {
        let mut text = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        for (name, value) in self.headers.iter().filter(|(name, _)| name != "connection") {
            text += &format!("{name}: {value}\r\n");
        }
        text += "connection: close\r\n\r\n";
        [text.as_bytes(), &self.body].concat()
    }

    /// From `Credential=KEY/date/region/service/…`; empty without a signature.
    fn access_key(&self) -> String {
        let signed = self.header("authorization").unwrap_or_default();
        let (_, rest) = signed.split_once("Credential=").unwrap_or_default();
        rest.split('/').next().unwrap_or_default().to_owned()
    }

    fn service(&self) -> String {
        let signed = self.header("authorization").unwrap_or_default();
        let (_, rest) = signed.split_once("Credential=").unwrap_or_default();
        rest.split('/').nth(3).unwrap_or_default().to_owned()
    }

    /// What IAM calls it.
    fn actions(&self) -> Vec<String> {
        match self.header("x-amz-target").and_then(|target| target.split_once('.')) {
            Some(("DynamoDB_20120810", operation)) => self.of_table(operation),
            // Several messages in one call need the right to one.
            Some(("AmazonSQS", operation)) => vec![format!("sqs:{}", operation.trim_end_matches("Batch"))],
            Some((_, operation)) => vec![format!("{}:{operation}", self.service())],
            None if self.service() == "s3" || self.header("authorization").is_none() => {
                vec![self.of_bucket().to_owned()]
            }
            None => vec![format!("{}:?", self.service())],
        }
    }

    /// A transaction needs the right to each of its parts, and there is none to the transaction itself.
    fn of_table(&self, operation: &str) -> Vec<String> {
        let single = match operation {
            "TransactWriteItems" | "TransactGetItems" => None,
            _ => Some(vec![format!("dynamodb:{operation}")]),
        };
        single.unwrap_or_else(|| {
            let body: Value = serde_json::from_slice(&self.body).unwrap_or_default();
            let parts = body["TransactItems"].as_array().cloned().unwrap_or_default();
            let names = parts.iter().filter_map(|part| part.as_object()?.keys().next().cloned());
            let actions = names.map(|name| match name.as_str() {
                "ConditionCheck" => "dynamodb:ConditionCheckItem".to_owned(),
                name => format!("dynamodb:{name}Item"),
            });
            actions.collect::<BTreeSet<_>>().into_iter().collect()
        })
    }

    fn of_bucket(&self) -> &'static str {
        let (path, query) = self.target.split_once('?').unwrap_or((&self.target, ""));
        let has_key = path.trim_matches('/').contains('/');
        let names: Vec<&str> = query.split('&').filter_map(|pair| pair.split('=').next()).collect();
        let asks = |name: &str| names.contains(&name);
        match self.method.as_str() {
            "GET" if !has_key && asks("uploads") => "s3:ListBucketMultipartUploads",
            "GET" | "HEAD" if !has_key => "s3:ListBucket",
            "GET" if asks("uploadId") => "s3:ListMultipartUploadParts",
            "GET" | "HEAD" => "s3:GetObject",
            "DELETE" if asks("uploadId") => "s3:AbortMultipartUpload",
            "POST" if asks("delete") => "s3:DeleteObject",
            "DELETE" => "s3:DeleteObject",
            _ => "s3:PutObject",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Request;

    fn actions(head: &str, body: &str) -> Vec<String> {
        let text = format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        Request::read(&mut text.as_bytes()).unwrap().actions()
    }

    const SIGNED: &str = "authorization: AWS4-HMAC-SHA256 Credential=AKIA/20260101/eu-central-1";

    #[test]
    fn calls_are_named_as_iam_names_them() {
        let s3 = |line: &str| actions(&format!("{line} HTTP/1.1\r\n{SIGNED}/s3/aws4_request"), "");
        assert_eq!(s3("PUT /bucket/acme/rep-1/file.csv.pgp"), ["s3:PutObject"]);
        assert_eq!(s3("POST /bucket/acme/file?uploads"), ["s3:PutObject"]);
        assert_eq!(s3("DELETE /bucket/acme/file?uploadId=x"), ["s3:AbortMultipartUpload"]);
        assert_eq!(s3("GET /bucket?list-type=2&prefix=acme"), ["s3:ListBucket"]);
        assert_eq!(s3("HEAD /bucket/acme/file"), ["s3:GetObject"]);
        let json = |service: &str, target: &str, body: &str| {
            let head = format!("POST / HTTP/1.1\r\n{SIGNED}/{service}/aws4_request\r\nx-amz-target: {target}");
            actions(&head, body)
        };
        assert_eq!(json("sqs", "AmazonSQS.SendMessageBatch", "{}"), ["sqs:SendMessage"]);
        let parts = r#"{"TransactItems":[{"Put":{}},{"ConditionCheck":{}},{"Put":{}}]}"#;
        assert_eq!(
            json("dynamodb", "DynamoDB_20120810.TransactWriteItems", parts),
            ["dynamodb:ConditionCheckItem", "dynamodb:PutItem"]
        );
        assert_eq!(json("dynamodb", "DynamoDB_20120810.Query", "{}"), ["dynamodb:Query"]);
    }
}
