import groovy.json.JsonSlurper

/*
 * Runs the Jenkinsfile through scenarios, and the seed job. From the root of the repository:
 *     groovy -cp deploy/jenkins/test deploy/jenkins/test/Check.groovy CONTROLLER CALLS
 * CONTROLLER is what casc.py wrote; into CALLS goes every call of cargo, its words one after the other with 0x1f between.
 */
JENKINSFILE = new File('deploy/jenkins/Jenkinsfile').text
SEED = new File('deploy/jenkins/seed.groovy').text
CONTROLLER = new JsonSlurper().parse(new File(args[0]))
CALLED = [] as Set
USED = [] as Set
SCENARIOS = [:]

ENVIRONMENTS = ['dev', 'staging', 'prod']

void scenario(String name, Closure body) { SCENARIOS[name] = body }

/** A build on a controller that casc.yaml made, approved by alice and started by bob unless told otherwise. */
Controller build(Map settings) {
    Map<String, String> global = CONTROLLER.environment.collectEntries { String name ->
        [name, name.startsWith('SEALPOST_APPROVERS') ? 'alice, carol' : name == 'SEALPOST_NOTIFY' ? 'team@example.com' : "value-of-${name}".toString()]
    }
    Map defaults = [approver: 'alice', starter: 'bob', global: global, credentials: CONTROLLER.credentials]
    Controller controller = new Controller(defaults + settings)
    controller.run(JENKINSFILE)
    CALLED.addAll(controller.calls.collect { it.words })
    USED.addAll(controller.usedCredentials)
    // Whatever happens: no secret is given to a step, to a program's arguments or to a mail.
    controller.secrets.each { String secret ->
        assert !controller.texts.any { it.contains(secret) }
        assert !controller.calls.any { call -> call.words.any { it.contains(secret) } }
    }
    // What changes or reads an environment does it while nobody else does.
    controller.calls.findAll { it.words[2] == 'deploy' }.each { assert it.locks == ["sealpost-${controller.parameters.ENVIRONMENT}"] }
    // Both have every value in clear, client secrets among them. `cargo` stops an apply that has no plan: it comes by a stash.
    assert !controller.archived.any { it.files.any { String file -> file.endsWith('plan.json') || file.endsWith('.tfplan') } }
    return controller
}

int at(Controller controller, String start) { controller.events.findIndexOf { it.startsWith(start) } }

boolean has(Controller controller, String start) { at(controller, start) >= 0 }

/** In this order, each of them there. */
void order(Controller controller, String... starts) {
    List<Integer> found = starts.collect { String start -> at(controller, start) }
    assert found.every { it >= 0 } && found == found.sort(false), "${starts} in ${controller.events}"
}

scenario('a webhook plans dev and changes nothing') {
    Controller controller = build(starter: null)
    assert controller.result == 'SUCCESS', controller.error
    order(controller, 'stage Checkout', 'stage Lint', 'stage Test', 'stage Package', 'lock sealpost-dev', 'stage Init', 'stage Validate', 'stage Plan', 'unlock')
    assert !has(controller, 'input') && !has(controller, 'cargo xtask deploy apply') && !has(controller, 'cargo xtask deploy destroy')
    assert !has(controller, 'cargo xtask deploy smoke')
    assert controller.archived*.files.flatten().containsAll(['plan.stamp', 'summary.md', 'title.txt'].collect { "target/deploy/dev/${it}".toString() })
    assert !controller.mails
}

scenario('the architecture that was asked for is packaged') {
    ['arm64', 'x86_64'].each { String architecture ->
        assert has(build(parameters: [ARCHITECTURE: architecture]), "cargo xtask package --arch ${architecture} --config deploy/company")
    }
}

scenario('a plan uses the role that may only read') {
    Controller controller = build(parameters: [ENVIRONMENT: 'prod', ACTION: 'plan'])
    List roles = controller.calls.findAll { it.words[2] == 'deploy' && it.words[3] in ['init', 'plan'] }*.role
    assert roles && roles.every { it == 'value-of-SEALPOST_PLAN_ROLE_PROD' }
    assert controller.usedCredentials == ['sealpost-aws-web-identity'] as Set
}

ENVIRONMENTS.each { String environment ->
    scenario("apply in ${environment} asks, applies what was saved, and tries it") {
        Controller controller = build(parameters: [ENVIRONMENT: environment, ACTION: 'apply'])
        assert controller.result == 'SUCCESS', controller.error
        order(controller, 'cargo xtask deploy plan', 'input', "cargo xtask deploy apply --environment ${environment}", 'cargo xtask deploy smoke', 'mail')
        Map apply = controller.calls.find { it.words[3] == 'apply' }
        assert apply.role == "value-of-SEALPOST_APPLY_ROLE_${environment.toUpperCase()}"
        assert controller.calls.count { it.words[3] == 'plan' } == 1
        assert controller.mails[0].body.contains('3 to create') && controller.mails[0].subject.contains('approved by alice')
    }

    scenario("destroy in ${environment} plans to destroy, asks, and says the name again") {
        Controller controller = build(parameters: [ENVIRONMENT: environment, ACTION: 'destroy', CONFIRM_DESTROY: environment])
        assert controller.result == 'SUCCESS', controller.error
        order(controller, "cargo xtask deploy plan --environment ${environment} --destroy", 'input', "cargo xtask deploy destroy --environment ${environment} --yes-destroy ${environment}")
        assert !has(controller, 'cargo xtask deploy apply') && !has(controller, 'cargo xtask deploy smoke')
    }
}

scenario('without an answer nothing is applied') {
    Controller controller = build(parameters: [ACTION: 'apply'], approver: null)
    assert controller.result == 'ABORTED'
    assert has(controller, 'input') && !has(controller, 'cargo xtask deploy apply')
    assert controller.mails[0].subject.contains('stopped')
}

scenario('who is not named may not approve') {
    Controller controller = build(parameters: [ACTION: 'apply'], approver: 'mallory')
    assert controller.result == 'ABORTED' && !has(controller, 'cargo xtask deploy apply')
}

scenario('in prod nobody approves their own wish') {
    Controller own = build(parameters: [ENVIRONMENT: 'prod', ACTION: 'apply'], starter: 'alice')
    assert own.result == 'FAILURE' && own.error.contains('somebody else') && !has(own, 'cargo xtask deploy apply')
    Controller dev = build(parameters: [ENVIRONMENT: 'dev', ACTION: 'apply'], starter: 'alice')
    assert dev.result == 'SUCCESS', dev.error
}

scenario('destroy without the name stops before anything is built') {
    ['', 'dev'].each { String name ->
        Controller controller = build(parameters: [ENVIRONMENT: 'prod', ACTION: 'destroy', CONFIRM_DESTROY: name])
        assert controller.result == 'FAILURE' && !controller.calls
    }
}

scenario('only main is applied') {
    [[CHANGE_ID: '12', BRANCH_NAME: 'PR-12'], [BRANCH_NAME: 'feature']].each { Map branch ->
        Controller controller = build(parameters: [ACTION: 'apply'], build: branch)
        assert controller.result == 'FAILURE' && !controller.calls
    }
    Controller main = build(parameters: [ACTION: 'apply'], build: [BRANCH_NAME: 'main'])
    assert main.result == 'SUCCESS', main.error
}

scenario('an empty list of approvers is not everybody') {
    Map global = CONTROLLER.environment.collectEntries { [it, it.startsWith('SEALPOST_APPROVERS') ? '' : 'x'] }
    Controller controller = build(parameters: [ACTION: 'apply'], global: global)
    assert controller.result == 'FAILURE' && controller.error.contains('SEALPOST_APPROVERS_DEV') && !controller.calls
}

scenario('a plan without changes needs no approval and is not applied') {
    Map global = CONTROLLER.environment.collectEntries { [it, 'x'] } + [TITLE: 'no changes']
    Controller controller = build(parameters: [ACTION: 'apply'], global: global)
    assert controller.result == 'SUCCESS', controller.error
    assert !has(controller, 'input') && !has(controller, 'cargo xtask deploy apply') && has(controller, 'cargo xtask deploy smoke')
}

// What fails stops what comes after it, and the team is told.
[
    ['--only clippy', 'stage Lint', 'stage Test'],
    ['--skip clippy', 'stage Test', 'stage Package'],
    ['xtask package', 'stage Package', 'stage Environment'],
    ['deploy init', 'stage Init', 'stage Validate'],
    ['deploy validate', 'stage Validate', 'stage Plan'],
    ['deploy plan', 'stage Plan', 'stage Approve'],
    ['deploy apply', 'stage Apply', 'stage Smoke test'],
    ['deploy smoke', 'stage Smoke test', 'stage Nothing'],
].each { String pattern, String last, String next ->
    scenario("where `${pattern}` fails, `${next}` is not reached") {
        Controller controller = build(parameters: [ACTION: 'apply'], failing: pattern)
        assert controller.result == 'FAILURE'
        assert has(controller, last) && !has(controller, next), controller.events
        assert controller.mails.size() == 1 && controller.mails[0].subject.contains('failed')
    }
}

scenario('an environment that does not exist is refused') {
    try {
        assert build(parameters: [ENVIRONMENT: 'production']).result == 'FAILURE'
    } catch (RuntimeException refused) {
        assert refused.message.contains('ENVIRONMENT')
    }
}

scenario('what is pasted into a parameter stays one word') {
    Controller controller = build(parameters: [ACTION: 'destroy', ENVIRONMENT: 'dev', CONFIRM_DESTROY: 'dev; touch /tmp/x'])
    assert controller.result == 'FAILURE' && !controller.calls
}

scenario('the grammar knows the Jenkinsfile, and mistakes in it') {
    assert Grammar.check(JENKINSFILE) == []
    [
        'stages {'                   : 'stagess {',
        'agent none'                 : 'agent',
        "stage('Lint')"              : 'stage(Lint)',
        "stage('Test')"              : "stage('Lint')",
        'skipDefaultCheckout()'      : 'timestamps()',
        'timestamps()'               : 'timestamp()',
        'archiveArtifacts artifacts:': 'archiveArtifacts artefacts:',
        "sh 'cargo xtask test --only": "shell 'cargo xtask test --only",
        'beforeAgent true'           : 'beforeAgents true',
        'success {'                  : 'succeeded {',
        'githubPush()'               : 'gitHubPush()',
        "unstash 'plan'"             : "unstashed 'plan'",
        "CARGO_TERM_COLOR = 'never'" : "export CARGO_TERM_COLOR = 'never'",
        'approve()\n                        }\n                    }\n                }': 'approve()\n                        }\n                    }\n                    stages { }\n                }',
        'mail to:'                   : 'mail recipient:',
        'credentialsId:'             : 'credentialId:',
        'void approve()'             : 'void approveIt()',
    ].each { String right, String wrong ->
        assert JENKINSFILE.contains(right), right
        assert Grammar.check(JENKINSFILE.replaceFirst(java.util.regex.Pattern.quote(right), java.util.regex.Matcher.quoteReplacement(wrong))), "not noticed: ${wrong}"
    }
}

scenario('a secret that is pasted into a script is noticed') {
    String leaking = JENKINSFILE.replaceFirst("(?s)sh '''\\s*cargo xtask deploy smoke .*?'''", 'sh "cargo xtask deploy smoke --environment dev --token \\${env.SMOKE_CLIENT_SECRET}"')
    assert leaking != JENKINSFILE
    Controller controller = new Controller(parameters: [ACTION: 'apply'], approver: 'alice', global: CONTROLLER.environment.collectEntries { [it, 'alice'] }, credentials: CONTROLLER.credentials)
    controller.run(leaking)
    assert controller.secrets.any { String secret -> controller.texts.any { it.contains(secret) } }
}

scenario('the seed makes the jobs, with the parameters of the Jenkinsfile') {
    JobDsl seed = JobDsl.evaluate(SEED, CONTROLLER.provided.collectEntries { [it, 'owner/name'] })
    assert seed.said['sealpost/branchSources/branchSource/source/github/repoOwner'] == [['owner']]
    assert seed.said['sealpost/branchSources/branchSource/source/github/repository'] == [['name']]
    assert !seed.said.keySet().any { it.contains('gitHubForkDiscovery') }
    assert seed.said['sealpost-deploy/definition/cpsScm/scm/git/branch'] == [['main']]
    assert seed.said.containsKey('sealpost-deploy/properties/pipelineTriggers/triggers/githubPush')
    seed.said.findAll { it.key.endsWith('scriptPath') }.each { assert new File(it.value[0][0]).file }
    assert seed.said.count { it.key.endsWith('scriptPath') } == 2
    seed.said.findAll { it.key ==~ /.*\/(credentialsId|credentials)/ }.each {
        assert CONTROLLER.credentials[it.value[0][0]]
        USED << it.value[0][0]
    }
    Map declared = build([:]).declared.collectEntries { [it.name, it.kind == 'choice' ? it.choices.toString() : it.defaultValue] }
    Map seeded = (seed.said['sealpost-deploy/parameters/choiceParam'] + seed.said['sealpost-deploy/parameters/stringParam']).collectEntries { [it[0], it[1]] }
    assert declared == seeded
}

scenario('the seed has no word that Job DSL does not know') {
    ['githubPush()': 'gitHubPush()', 'cpsScm {': 'cpsSCM {', 'lightweight(true)': 'lightWeight(true)', 'repoOwner(': 'owner('].each { String right, String wrong ->
        assert SEED.contains(right)
        boolean noticed = false
        try {
            JobDsl.evaluate(SEED.replace(right, wrong), CONTROLLER.provided.collectEntries { [it, 'owner/name'] })
        } catch (IllegalStateException unknown) {
            noticed = true
        }
        assert noticed, wrong
    }
}

int failed = 0
SCENARIOS.each { String name, Closure body ->
    try {
        body()
        println "ok      ${name}"
    } catch (Throwable broken) {
        failed++
        println "FAILED  ${name}"
        println(broken instanceof AssertionError ? broken.message : broken.toString() + '\n' + broken.stackTrace.findAll { it.fileName?.endsWith('.groovy') }.take(8).join('\n'))
    }
}
// Credentials that nothing uses are a way in that nobody looks at. The webhook's is used by the controller itself.
List unused = (CONTROLLER.credentials.keySet() - USED - CONTROLLER.own).toList()
if (unused) {
    failed++
    println "FAILED  these credentials are defined and not used: ${unused}"
}
new File(args[1]).text = CALLED.collect { it.join('\u001f') }.sort().join('\n') + '\n'
println "${SCENARIOS.size() - failed} scenarios kept, ${failed} broken"
System.exit(failed ? 1 : 0)
