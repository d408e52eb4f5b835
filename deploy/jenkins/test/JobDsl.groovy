/**
 * Evaluates a seed job: each block knows the words that Job DSL has there, and no others.
 * What it says is kept as paths: `sealpost-deploy/definition/cpsScm/scriptPath` -> its arguments.
 */
class JobDsl {
    private static final Map GITHUB = [id: 0, repositoryUrl: 0, configuredByUrl: 0, repoOwner: 0, repository: 0, credentialsId: 0,
        traits: [gitHubBranchDiscovery: [strategyId: 0], gitHubPullRequestDiscovery: [strategyId: 0],
                 gitHubForkDiscovery: [strategyId: 0, trust: [gitHubTrustPermissions: 0, gitHubTrustNobody: 0]],
                 headWildcardFilter: [includes: 0, excludes: 0]]]
    private static final Map WORDS = [
        multibranchPipelineJob: [
            description: 0, displayName: 0,
            branchSources: [branchSource: [source: [github: GITHUB], strategy: [:]]],
            factory: [workflowBranchProjectFactory: [scriptPath: 0]],
            orphanedItemStrategy: [discardOldItems: [daysToKeep: 0, numToKeep: 0]],
        ],
        pipelineJob: [
            description: 0, displayName: 0, disabled: 0,
            parameters: [choiceParam: 0, stringParam: 0, booleanParam: 0],
            properties: [pipelineTriggers: [triggers: [githubPush: 0]], disableConcurrentBuilds: 0],
            definition: [cpsScm: [lightweight: 0, scriptPath: 0,
                scm: [git: [remote: [url: 0, credentials: 0, name: 0], branch: 0, branches: 0]]]],
        ],
        folder: [description: 0, displayName: 0],
    ]

    final Map<String, List> said = [:]

    static JobDsl evaluate(String text, Map<String, String> variables) {
        JobDsl seed = new JobDsl()
        Script script = new GroovyShell(JobDsl.classLoader, new Binding(variables)).parse(text)
        script.metaClass.methodMissing = { String name, given -> seed.word('', WORDS, name, given as List) }
        script.run()
        return seed
    }

    Object word(String path, Map words, String name, List given) {
        if (!words.containsKey(name)) {
            throw new IllegalStateException("`${name}` is no word of Job DSL in ${path ?: 'a seed'}")
        }
        Closure body = given.find { it instanceof Closure }
        List values = given.findAll { !(it instanceof Closure) }*.toString()
        // A job stands under its own name.
        String here = path ? "${path}/${name}" : values[0]
        said.get(here, []) << values
        if (words[name] instanceof Map) {
            if (body == null) {
                throw new IllegalStateException("${name} has a block")
            }
            Closure bound = body.rehydrate(new Block(this, here, words[name] as Map), body.thisObject, body.thisObject)
            bound.resolveStrategy = Closure.DELEGATE_FIRST
            return bound()
        }
        if (body != null) {
            throw new IllegalStateException("${name} has no block")
        }
        return null
    }

    static class Block {
        private final JobDsl seed
        private final String path
        private final Map words

        Block(JobDsl seed, String path, Map words) {
            this.seed = seed
            this.path = path
            this.words = words
        }

        Object invokeMethod(String name, Object given) { seed.word(path, words, name, given as List) }
    }
}
