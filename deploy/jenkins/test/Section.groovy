/** What a block of directives says. Grammar.groovy has checked the names; here their bodies are kept until they are due. */
class Section {
    Object agent
    Closure steps
    Closure when
    String lock
    List<Map> stages = []
    Map<String, Closure> post = [:]
    List<Map> declared = []
    private Closure variables

    static Section read(Closure body) {
        Section section = new Section()
        run(body, new Directives(section))
        return section
    }

    /** With these words known, and the script's; those of the block around it are not. */
    static Object run(Closure body, Object delegate) {
        Closure bound = body.rehydrate(delegate, body.thisObject, body.thisObject)
        bound.resolveStrategy = Closure.DELEGATE_FIRST
        return bound()
    }

    /** With the script's words only. */
    static Closure free(Closure body) {
        return body.rehydrate(body.thisObject, body.thisObject, body.thisObject)
    }

    /** `NAME = "text"`, when the stage begins. */
    Map<String, String> environment() {
        Assignments found = new Assignments()
        if (variables) {
            run(variables, found)
        }
        return found.values
    }
}

class Directives {
    // `agent none`, `agent any`.
    final String none = 'none'
    final String any = 'any'
    private final Section section

    Directives(Section section) { this.section = section }

    void agent(Object what) { section.agent = what }

    void steps(Closure body) { section.steps = Section.free(body) }

    void stages(Closure body) { Section.run(body, new Stages(section)) }

    void environment(Closure body) { section.variables = body }

    void post(Closure body) { Section.run(body, new Conditions(section)) }

    void options(Closure body) { Section.run(body, new Options(section)) }

    void parameters(Closure body) { Section.run(body, new Declared(section)) }

    void triggers(Closure body) { }

    void when(Closure body) {
        section.when = {
            When conditions = new When()
            Section.run(body, conditions)
            return conditions.all.every { it }
        }
    }
}

class Stages {
    private final Section section

    Stages(Section section) { this.section = section }

    void stage(String name, Closure body) { section.stages << [name: name, body: body] }
}

class Conditions {
    private final Section section

    Conditions(Section section) { this.section = section }

    Object invokeMethod(String name, Object given) { section.post[name] = Section.free((given as List)[0] as Closure) }
}

class Options {
    private final Section section

    Options(Section section) { this.section = section }

    void lock(Map named) { section.lock = named.resource.toString() }

    Object logRotator(Map named) { named }

    void timestamps() { }

    void timeout(Map named) { }

    void buildDiscarder(Object what) { }

    void skipDefaultCheckout() { }
}

class Declared {
    private final Section section

    Declared(Section section) { this.section = section }

    Object invokeMethod(String name, Object given) { section.declared << ([kind: name] + ((given as List)[0] as Map)) }
}

class When {
    final List<Boolean> all = []

    void expression(Closure body) { all << (Section.free(body)() as boolean) }

    void beforeAgent(boolean yes) { }
}

class Assignments {
    final Map<String, String> values = [:]

    void setProperty(String name, Object value) { values[name] = value.toString() }

    Object getProperty(String name) {
        if (name == 'values') {
            return values
        }
        throw new MissingPropertyException(name, Assignments)
    }
}
