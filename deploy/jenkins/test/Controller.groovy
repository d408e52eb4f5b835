import java.nio.file.FileSystem
import java.nio.file.FileSystems
import java.nio.file.Path
import java.nio.file.PathMatcher

/**
 * A controller that runs a Jenkinsfile: stages in order, conditions, agents with an empty workspace each, stashes,
 * credentials, locks, approvals. Shell steps really run in a shell, with `cargo` and `git` that write down how they were
 * called (test/bin). What is no step of Jenkins, or stands where it would fail there, is an error.
 */
class Controller {
    /** What a test sets: parameters, environment, who approves, what fails. */
    Map<String, Object> parameters = [:]
    Map<String, String> global = [:]
    Map<String, String> build = [:]
    /** Credentials by id: `file`, `usernamePassword` or `string`. */
    Map<String, String> credentials = [:]
    /** The user who answers, or `null` when nobody does before the time is up. */
    String approver
    /** Who started the build; nobody for a webhook. */
    String starter
    boolean failedBefore
    /** Calls with this in them fail. */
    String failing = ''

    /** What happened: `stage Test`, `cargo xtask …`, `input`, `mail`, … */
    final List<String> events = []
    /** Every call of cargo: its words, the role that it could assume, the locks that were held. */
    final List<Map> calls = []
    /** Everything that steps were given as text; no secret may be in it. */
    final List<String> texts = []
    /** Everything that a secret is. */
    final List<String> secrets = []
    final List<Map> mails = []
    final List<Map> archived = []
    /** The parameters that the file declares. */
    final List<Map> declared = []
    final Set<String> usedCredentials = [] as Set
    String result = 'SUCCESS'
    String error

    /** Most scenarios are about the same file. */
    private static final Map<String, Class> COMPILED = [:]

    private File folder
    private final Map<String, File> stashes = [:]
    private File workspace
    private final List<String> locks = []
    private int deadlines
    private final List<Map<String, String>> layers = []
    private int number

    void run(String jenkinsfile) {
        folder = File.createTempDir('jenkins', '')
        try {
            if (!COMPILED.containsKey(jenkinsfile)) {
                COMPILED[jenkinsfile] = new GroovyShell(Controller.classLoader).parse(jenkinsfile).class
            }
            Script script = COMPILED[jenkinsfile].newInstance()
            script.metaClass.methodMissing = { String name, given -> step(name, given as List) }
            script.metaClass.propertyMissing = { String name -> global(name) }
            script.run()
        } finally {
            folder.deleteDir()
        }
    }

    /** What Jenkins has as global variables. */
    private Object global(String name) {
        switch (name) {
            case 'params': return new Strict(parameters)
            case 'env': return new Environment(this)
            case 'scm': return 'scm'
            case 'currentBuild': return new Build(this)
            default: throw new IllegalStateException("`${name}` is no variable of Jenkins")
        }
    }

    /** The variables of a step: the later layer wins. */
    Map<String, String> environment() {
        Map<String, String> all = [BUILD_NUMBER: '7', BUILD_URL: 'https://jenkins.example/job/sealpost-deploy/7/'] + global
        parameters.each { name, value -> all[name] = value.toString() }
        all += build
        layers.each { all += it }
        return all
    }

    private Object step(String name, List given) {
        if (name == 'pipeline') {
            return pipeline(given[0])
        }
        if (!Grammar.STEPS.containsKey(name)) {
            throw new IllegalStateException("`${name}` is no step of Jenkins")
        }
        Map named = given.find { it instanceof Map } ?: [:]
        Closure body = given.find { it instanceof Closure }
        Object single = given.find { !(it instanceof Map) && !(it instanceof Closure) }
        texts << given.findAll { !(it instanceof Closure) }.toString()
        switch (name) {
            case 'script': return body()
            case 'echo': return null
            case 'error': throw new Failed((single ?: named.message).toString())
            case 'checkout': return checkout()
            case 'sh': return shell((single ?: named.script).toString(), named.returnStdout == true)
            case 'readFile': return onAgent(name) { new File(workspace, (single ?: named.file).toString()).text }
            case 'archiveArtifacts': return onAgent(name) { archived << [files: select(named.artifacts, named.excludes), given: named] }
            case 'stash': return onAgent(name) { stash(named) }
            case 'unstash': return onAgent(name) { unstash((single ?: named.name).toString()) }
            case 'timeout': return deadline { body() }
            case 'withEnv': return layered((single as List).collectEntries { it.toString().split('=', 2) as List }) { body() }
            case 'withCredentials': return bound(single as List) { body() }
            case ['file', 'string', 'usernamePassword']: return [kind: name] + named
            case 'input': return input(named)
            case 'mail':
                mails << named
                events << 'mail'
                return null
            default: throw new IllegalStateException("`${name}` can't stand here")
        }
    }

    private Object onAgent(String name, Closure body) {
        if (workspace == null) {
            throw new IllegalStateException("${name} needs an agent")
        }
        return body()
    }

    private Object checkout() {
        return onAgent('checkout') {
            events << 'checkout'
            new File(workspace, 'Cargo.toml').text = '[workspace]\n'
            return [:]
        }
    }

    private Object shell(String script, boolean captured) {
        return onAgent('sh') {
            File log = new File(folder, 'calls')
            log.text = ''
            File file = new File(folder, 'script.sh')
            file.text = script
            Map<String, String> variables = environment() + [
                PATH: "${new File('deploy/jenkins/test/bin').absolutePath}:${System.getenv('PATH')}".toString(),
                CALLS: log.path, FAILING: failing, LC_ALL: 'C']
            Process process = new ProcessBuilder(['/bin/sh', '-xe', file.path]).directory(workspace).with { builder ->
                builder.environment().clear()
                builder.environment().putAll(variables)
                builder.redirectError(new File(folder, 'stderr'))
                builder.start()
            }
            String printed = process.inputStream.text
            int status = process.waitFor()
            log.eachLine { String line ->
                List<String> parts = line.split('\u001e', 2) as List
                List<String> words = parts[0].split('\u001f') as List
                calls << [words: words, role: parts[1], locks: locks.clone()]
                events << words.join(' ')
            }
            if (status != 0) {
                throw new Failed("sh ended with ${status}: ${new File(folder, 'stderr').text}")
            }
            return captured ? printed : null
        }
    }

    private List<String> select(Object includes, Object excludes) {
        List<PathMatcher> wanted = patterns(includes)
        List<PathMatcher> unwanted = patterns(excludes)
        List<String> names = []
        workspace.eachFileRecurse { File file ->
            Path path = workspace.toPath().relativize(file.toPath())
            if (file.file && wanted.any { it.matches(path) } && !unwanted.any { it.matches(path) }) {
                names << path.toString()
            }
        }
        if (!names) {
            throw new Failed("no file is ${includes}")
        }
        return names.sort()
    }

    /** As Ant reads them: several, with commas or spaces between. */
    private static List<PathMatcher> patterns(Object given) {
        FileSystem system = FileSystems.default
        return (given ?: '').toString().tokenize(', ').collect { String pattern -> system.getPathMatcher("glob:${pattern}") }
    }

    private Object stash(Map named) {
        File kept = new File(folder, "stash-${named.name}")
        select(named.includes, named.excludes).each { copy(new File(workspace, it), new File(kept, it)) }
        stashes[named.name.toString()] = kept
        return null
    }

    private Object unstash(String name) {
        File kept = stashes[name]
        if (kept == null) {
            throw new Failed("nothing was stashed as ${name}")
        }
        kept.eachFileRecurse { if (it.file) { copy(it, new File(workspace, kept.toPath().relativize(it.toPath()).toString())) } }
        return null
    }

    private static void copy(File from, File to) {
        to.parentFile.mkdirs()
        to.bytes = from.bytes
    }

    private Object deadline(Closure body) {
        deadlines++
        try {
            return body()
        } finally {
            deadlines--
        }
    }

    private Object layered(Map<String, String> layer, Closure body) {
        layers << layer.collectEntries { name, value -> [name.toString(), value.toString()] }
        try {
            return body()
        } finally {
            layers.remove(layers.size() - 1)
        }
    }

    private Object bound(List bindings, Closure body) {
        return onAgent('withCredentials') {
            Map<String, String> layer = [:]
            bindings.each { Map binding ->
                String id = binding.credentialsId
                if (credentials[id] != binding.kind) {
                    throw new Failed("there are no credentials `${id}` of the kind ${binding.kind}")
                }
                usedCredentials << id
                String secret = "secret-${id}-${++number}"
                secrets << secret
                if (binding.kind == 'file') {
                    File file = new File(folder, "credential-${number}")
                    file.text = secret
                    layer[binding.variable] = file.path
                } else if (binding.kind == 'usernamePassword') {
                    layer[binding.usernameVariable] = "user-${id}".toString()
                    layer[binding.passwordVariable] = secret
                } else {
                    layer[binding.variable] = secret
                }
            }
            return layered(layer, body)
        }
    }

    private Object input(Map named) {
        if (workspace != null) {
            throw new IllegalStateException('an approval must not hold an agent')
        }
        if (deadlines == 0) {
            throw new IllegalStateException('an approval needs a time limit')
        }
        if (!named.submitter) {
            throw new IllegalStateException('an approval without a submitter is everybody\'s')
        }
        events << 'input'
        if (approver == null) {
            throw new Aborted('nobody answered')
        }
        if (!(approver in named.submitter.toString().tokenize(',')*.trim())) {
            throw new Aborted("${approver} may not approve")
        }
        return named.submitterParameter ? approver : null
    }

    // The directives.

    private Object pipeline(Closure body) {
        Section whole = Section.read(body)
        declared.addAll(whole.declared)
        declared.each { Map parameter ->
            Object first = parameter.kind == 'choice' ? parameter.choices[0] : parameter.defaultValue
            if (parameter.kind == 'choice' && parameters.containsKey(parameter.name) && !(parameters[parameter.name] in parameter.choices)) {
                throw new Failed("${parameter.name} is none of its choices")
            }
            parameters.putIfAbsent(parameter.name, first)
        }
        perform(whole) {
            deadline { stages(whole.stages) }
        }
        post(whole)
        return null
    }

    private void stages(List<Map> all) {
        all.each { Map named ->
            if (result == 'SUCCESS') {
                stage(named.name, Section.read(named.body))
            }
        }
    }

    private void stage(String name, Section section) {
        if (section.when != null && !section.when()) {
            events << "skipped ${name}".toString()
            return
        }
        events << "stage ${name}".toString()
        perform(section) {
            if (section.steps) {
                section.steps()
            } else {
                stages(section.stages)
            }
        }
        post(section)
    }

    private void perform(Section section, Closure body) {
        File outer = workspace
        String resource = section.lock
        try {
            if (resource) {
                locks << resource
                events << "lock ${resource}".toString()
            }
            if (section.agent instanceof Closure) {
                workspace = new File(folder, "workspace-${++number}")
                workspace.mkdirs()
            }
            layered(section.environment()) { body() }
        } catch (Aborted stopped) {
            result = 'ABORTED'
            error = stopped.message
        } catch (Failed failed) {
            result = 'FAILURE'
            error = failed.message
        } finally {
            workspace = outer
            if (resource) {
                locks.remove(resource)
                events << "unlock ${resource}".toString()
            }
        }
    }

    private void post(Section section) {
        Map<String, Boolean> holds = [always: true, cleanup: true, success: result == 'SUCCESS', failure: result == 'FAILURE',
            aborted: result == 'ABORTED', unsuccessful: result != 'SUCCESS', unstable: false, regression: result != 'SUCCESS' && !failedBefore,
            fixed: result == 'SUCCESS' && failedBefore, changed: failedBefore == (result == 'SUCCESS')]
        section.post.each { name, body ->
            if (holds[name]) {
                body()
            }
        }
    }

    static class Failed extends RuntimeException {
        Failed(String message) { super(message) }
    }

    static class Aborted extends RuntimeException {
        Aborted(String message) { super(message) }
    }
}

/** The parameters: one that was not declared is a mistake, not `null`. */
class Strict {
    private final Map<String, Object> values

    Strict(Map<String, Object> values) { this.values = values }

    Object getProperty(String name) {
        if (!values.containsKey(name)) {
            throw new IllegalStateException("there is no parameter `${name}`")
        }
        return values[name]
    }
}

class Environment {
    private final Controller controller

    Environment(Controller controller) { this.controller = controller }

    Object getProperty(String name) { controller.environment()[name] }

    void setProperty(String name, Object value) { controller.build[name] = value.toString() }
}

class Build {
    private final Controller controller
    String description

    Build(Controller controller) { this.controller = controller }

    List<Map> getBuildCauses(String kind) {
        return controller.starter && kind == 'hudson.model.Cause$UserIdCause' ? [[userId: controller.starter]] : []
    }
}
