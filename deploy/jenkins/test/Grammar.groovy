import org.codehaus.groovy.ast.ClassNode
import org.codehaus.groovy.ast.CodeVisitorSupport
import org.codehaus.groovy.ast.MethodNode
import org.codehaus.groovy.ast.builder.AstBuilder
import org.codehaus.groovy.ast.expr.*
import org.codehaus.groovy.ast.stmt.*
import org.codehaus.groovy.control.CompilePhase

/**
 * What Declarative Pipeline lets stand where (https://www.jenkins.io/doc/book/pipeline/syntax/), checked on the syntax
 * tree: Jenkins does the same before a build starts. A step or option that is used here for the first time gets a row.
 */
class Grammar {
    static final Map<String, Set<String>> SECTIONS = [
        pipeline   : ['agent', 'options', 'parameters', 'triggers', 'environment', 'tools', 'stages', 'post'] as Set,
        stage      : ['agent', 'options', 'environment', 'tools', 'when', 'input', 'steps', 'stages', 'parallel', 'post'] as Set,
        post       : ['always', 'changed', 'fixed', 'regression', 'aborted', 'failure', 'success', 'unstable', 'unsuccessful', 'cleanup'] as Set,
        options    : ['timestamps', 'timeout', 'buildDiscarder', 'skipDefaultCheckout', 'disableConcurrentBuilds', 'lock', 'retry'] as Set,
        stageOption: ['timestamps', 'timeout', 'skipDefaultCheckout', 'lock', 'retry'] as Set,
        parameters : ['choice', 'string', 'booleanParam'] as Set,
        triggers   : ['githubPush', 'cron', 'pollSCM', 'upstream'] as Set,
        when       : ['expression', 'branch', 'changeRequest', 'environment', 'not', 'allOf', 'anyOf', 'triggeredBy',
                      'beforeAgent', 'beforeInput', 'beforeOptions'] as Set,
    ]

    /** Steps, with the arguments that they have by name; `null` for a single value. */
    static final Map<String, Set<String>> STEPS = [
        sh              : ['script', 'returnStdout', 'returnStatus', 'label', 'encoding'] as Set,
        checkout        : ['scm', 'changelog', 'poll'] as Set,
        echo            : ['message'] as Set,
        error           : ['message'] as Set,
        readFile        : ['file', 'encoding'] as Set,
        archiveArtifacts: ['artifacts', 'excludes', 'fingerprint', 'allowEmptyArchive', 'onlyIfSuccessful'] as Set,
        stash           : ['name', 'includes', 'excludes', 'allowEmpty'] as Set,
        unstash         : ['name'] as Set,
        input           : ['message', 'id', 'ok', 'submitter', 'submitterParameter', 'parameters'] as Set,
        timeout         : ['time', 'unit', 'activity'] as Set,
        lock            : ['resource', 'label', 'quantity', 'inversePrecedence', 'skipIfLocked'] as Set,
        withEnv         : ['overrides'] as Set,
        withCredentials : ['bindings'] as Set,
        mail            : ['to', 'cc', 'bcc', 'from', 'replyTo', 'subject', 'body', 'mimeType', 'charset'] as Set,
        script          : [] as Set,
        // Described objects: arguments of the above.
        file            : ['credentialsId', 'variable'] as Set,
        string          : ['credentialsId', 'variable', 'name', 'defaultValue', 'description', 'trim'] as Set,
        usernamePassword: ['credentialsId', 'usernameVariable', 'passwordVariable'] as Set,
        choice          : ['name', 'choices', 'description'] as Set,
        booleanParam    : ['name', 'defaultValue', 'description'] as Set,
        logRotator      : ['numToKeepStr', 'artifactNumToKeepStr', 'daysToKeepStr', 'artifactDaysToKeepStr'] as Set,
        buildDiscarder  : [] as Set,
        timestamps      : [] as Set,
        githubPush      : [] as Set,
        skipDefaultCheckout: [] as Set,
        disableConcurrentBuilds: [] as Set,
        retry           : ['count'] as Set,
    ]

    final List<String> findings = []
    private Set<String> helpers = [] as Set

    static List<String> check(String text) {
        Grammar grammar = new Grammar()
        try {
            grammar.file(text)
        } catch (org.codehaus.groovy.control.CompilationFailedException broken) {
            grammar.findings << broken.message.readLines().find { it.trim() }
        }
        return grammar.findings
    }

    private void file(String text) {
        List nodes = new AstBuilder().buildFromString(CompilePhase.CONVERSION, false, text)
        List<MethodNode> methods = nodes.findAll { it instanceof ClassNode }.collectMany { it.methods }.findAll { it.name != 'main' && it.name != 'run' }
        helpers = methods*.name as Set
        List<Statement> statements = (nodes[0] as BlockStatement).statements.findAll { !(it instanceof EmptyStatement) }
        List<MethodCallExpression> calls = statements.collect { callIn(it) }
        if (calls.size() != 1 || calls[0]?.methodAsString != 'pipeline') {
            say(statements ? statements[0] : null, 'the file is one pipeline block, and methods')
            return
        }
        pipeline(bodyOf(calls[0]))
        methods.each { groovy(it.code) }
    }

    private void pipeline(List<Statement> statements) {
        Map<String, MethodCallExpression> found = sections(statements, 'pipeline')
        ['agent', 'stages'].findAll { !found[it] }.each { findings << "pipeline: ${it} is missing".toString() }
        common(found, 'options')
        found.parameters?.with { block(it, 'parameters') }
        found.triggers?.with { block(it, 'triggers') }
        found.stages?.with { stages(it) }
    }

    private void stages(MethodCallExpression stages) {
        List<Statement> statements = bodyOf(stages)
        if (!statements) {
            say(stages, 'stages has no stage')
        }
        once(statements.collect { callIn(it) }.findAll { it }.collect { MethodCallExpression stage -> [stage, argumentsOf(stage) ? argumentsOf(stage)[0].text : ''] }, 'a stage of the name')
        statements.each { Statement statement ->
            MethodCallExpression stage = callIn(statement)
            if (stage?.methodAsString != 'stage') {
                say(statement, "in stages stands a stage, not `${stage?.methodAsString ?: statement.text}`")
                return
            }
            if (!(argumentsOf(stage)[0] instanceof ConstantExpression)) {
                say(stage, 'a stage has a name')
            }
            Map<String, MethodCallExpression> found = sections(bodyOf(stage), 'stage')
            if (['steps', 'stages', 'parallel'].count { found[it] } != 1) {
                say(stage, 'a stage has exactly one of steps, stages, parallel')
            }
            common(found, 'stageOption')
            found.when?.with { block(it, 'when', false) }
            found.when?.with { groovy(closureOf(it)) }
            found.stages?.with { this.stages(it) }
            found.parallel?.with { this.stages(it) }
            found.steps?.with { steps(bodyOf(it)) }
        }
    }

    private void common(Map<String, MethodCallExpression> found, String options) {
        found.agent?.with { MethodCallExpression agent ->
            List<Expression> given = argumentsOf(agent)
            boolean word = given.size() == 1 && given[0] instanceof VariableExpression && given[0].name in ['none', 'any']
            boolean label = given.size() == 1 && given[0] instanceof ClosureExpression && bodyOf(agent).every { callIn(it)?.methodAsString == 'label' } && bodyOf(agent).size() == 1
            if (!word && !label) {
                say(agent, 'agent is none, any, or has one label')
            }
        }
        found.options?.with { block(it, options) }
        found.environment?.with { MethodCallExpression environment ->
            bodyOf(environment).each { Statement statement ->
                Expression expression = statement instanceof ExpressionStatement ? statement.expression : null
                boolean fine = expression instanceof BinaryExpression && expression.operation.text == '=' &&
                    expression.leftExpression instanceof VariableExpression &&
                    (expression.rightExpression instanceof ConstantExpression || expression.rightExpression instanceof GStringExpression)
                if (!fine) {
                    say(statement, 'in environment stands NAME = "text"')
                }
            }
        }
        found.post?.with { MethodCallExpression post ->
            sections(bodyOf(post), 'post').each { name, condition -> steps(bodyOf(condition)) }
        }
    }

    /** Sections by name: known ones, each once. */
    private Map<String, MethodCallExpression> sections(List<Statement> statements, String kind) {
        Map<String, MethodCallExpression> found = [:]
        statements.each { Statement statement ->
            MethodCallExpression section = callIn(statement)
            String name = section?.methodAsString
            if (!(name in SECTIONS[kind])) {
                say(statement, "`${name ?: statement.text}` is no section of ${kind}")
            } else if (found[name]) {
                say(statement, "${name} stands twice in ${kind}")
            } else {
                found[name] = section
            }
        }
        return found
    }

    /** A block of calls whose names are known. */
    private void block(MethodCallExpression section, String kind, boolean withArguments = true) {
        List<Statement> statements = bodyOf(section)
        if (!statements) {
            say(section, "${section.methodAsString} is empty")
        }
        if (kind.toLowerCase().contains('option')) {
            once(statements.collect { callIn(it) }.findAll { it }.collect { MethodCallExpression option -> [option, option.methodAsString] }, 'the option')
        }
        statements.each { Statement statement ->
            MethodCallExpression inner = callIn(statement)
            if (!(inner?.methodAsString in SECTIONS[kind])) {
                say(statement, "`${inner?.methodAsString ?: statement.text}` is no part of ${section.methodAsString}")
            } else if (withArguments) {
                named(inner)
            }
        }
    }

    private void once(List<List> named, String what) {
        named.groupBy { it[1] }.findAll { it.value.size() > 1 }.each { name, all -> say(all[1][0], "${what} ${name} stands twice") }
    }

    /** Steps outside of `script`: calls only, no Groovy. */
    private void steps(List<Statement> statements) {
        if (!statements) {
            findings << 'steps without a step'
        }
        statements.each { Statement statement ->
            MethodCallExpression step = callIn(statement)
            if (step == null) {
                say(statement, "in steps stand steps; `${statement.text}` belongs into script")
            } else if (step.methodAsString == 'script') {
                groovy(closureOf(step))
            } else {
                known(step)
                if (closureOf(step)) {
                    steps(bodyOf(step))
                }
            }
        }
    }

    /** Any Groovy; whatever is called without a receiver is a step, a helper or a variable. */
    private void groovy(Object code) {
        if (code instanceof ClosureExpression) {
            code = code.code
        }
        CodeVisitorSupport walk = new CodeVisitorSupport() {
            @Override
            void visitMethodCallExpression(MethodCallExpression inner) {
                // `body` is the closure that a helper was given.
                if (inner.implicitThis && inner.methodAsString != 'body' && !(inner.methodAsString in SECTIONS.when)) {
                    known(inner)
                }
                super.visitMethodCallExpression(inner)
            }
        }
        code.visit(walk)
    }

    private void known(MethodCallExpression step) {
        if (step.methodAsString in helpers) {
            return
        }
        if (!STEPS.containsKey(step.methodAsString)) {
            say(step, "`${step.methodAsString}` is no step that is known")
            return
        }
        named(step)
    }

    /** The names of a step's arguments. */
    private void named(MethodCallExpression step) {
        Set<String> names = STEPS[step.methodAsString]
        if (names == null) {
            return
        }
        argumentsOf(step).findAll { it instanceof MapExpression }.collectMany { it.mapEntryExpressions }.each { entry ->
            if (!(entry.keyExpression.text in names)) {
                say(step, "${step.methodAsString} has no argument `${entry.keyExpression.text}`")
            }
        }
        argumentsOf(step).findAll { it instanceof MethodCallExpression && it.implicitThis }.each { known(it) }
    }

    private static MethodCallExpression callIn(Statement statement) {
        Expression expression = statement instanceof ExpressionStatement ? statement.expression : null
        return expression instanceof MethodCallExpression && expression.implicitThis ? expression : null
    }

    private static List<Expression> argumentsOf(MethodCallExpression call) {
        return call.arguments instanceof TupleExpression ? call.arguments.expressions : []
    }

    private static ClosureExpression closureOf(MethodCallExpression call) {
        List<Expression> given = argumentsOf(call)
        return given && given.last() instanceof ClosureExpression ? given.last() : null
    }

    private static List<Statement> bodyOf(MethodCallExpression call) {
        ClosureExpression closure = closureOf(call)
        Statement code = closure?.code
        List<Statement> statements = code instanceof BlockStatement ? code.statements : code ? [code] : []
        return statements.findAll { !(it instanceof EmptyStatement) && !(it instanceof ReturnStatement && it.expression.text == 'null') }
    }

    private void say(Object node, String what) {
        findings << "${node?.lineNumber ?: 1}: ${what}".toString()
    }
}
