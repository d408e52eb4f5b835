/*
 * The jobs of a fresh controller, by Job DSL. Run by casc.yaml at each start, and safe to run again.
 *
 * Values come from the controller's environment: SEALPOST_REPOSITORY is `owner/name` on GitHub.
 */
String project = SEALPOST_REPOSITORY
String address = "https://github.com/${project}.git"
String script = 'deploy/jenkins/Jenkinsfile'

// Branches and pull requests: build, test, package, and a plan for dev. Its builds can assume plan roles only, because
// the roles trust the address of the job: see README.md.
multibranchPipelineJob('sealpost') {
    description('Builds, tests and plans branches and pull requests. Applies nothing.')
    branchSources {
        branchSource {
            source {
                github {
                    id('sealpost')
                    repositoryUrl(address)
                    configuredByUrl(true)
                    repoOwner(project.tokenize('/')[0])
                    repository(project.tokenize('/')[1])
                    credentialsId('sealpost-github')
                    traits {
                        gitHubBranchDiscovery {
                            strategyId(1) // branches without a pull request
                        }
                        gitHubPullRequestDiscovery {
                            strategyId(1) // merged with its target
                        }
                        // Pull requests of forks are not built: they would run strangers' commands beside our roles.
                        headWildcardFilter {
                            includes('*')
                            excludes('main')
                        }
                    }
                }
            }
        }
    }
    factory {
        workflowBranchProjectFactory {
            scriptPath(script)
        }
    }
    orphanedItemStrategy {
        discardOldItems {
            daysToKeep(14)
        }
    }
}

// main: a plan for dev at each push; everything else is started by a person.
pipelineJob('sealpost-deploy') {
    description('Plans, applies and destroys environments, from main.')
    // Those of the Jenkinsfile, so that the first build can be started with them.
    parameters {
        choiceParam('ENVIRONMENT', ['dev', 'staging', 'prod'], 'A folder of deploy/terraform/environments.')
        choiceParam('ACTION', ['plan', 'apply', 'destroy'], 'Apply and destroy wait for an approval.')
        choiceParam('ARCHITECTURE', ['arm64', 'x86_64'], 'Of the functions.')
        stringParam('CONFIRM_DESTROY', '', 'To destroy: the name of the environment once more.')
    }
    properties {
        pipelineTriggers {
            triggers {
                githubPush()
            }
        }
    }
    definition {
        cpsScm {
            lightweight(true)
            scm {
                git {
                    remote {
                        url(address)
                        credentials('sealpost-github')
                    }
                    branch('main')
                }
            }
            scriptPath(script)
        }
    }
}
