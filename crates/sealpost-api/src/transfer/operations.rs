//! What is offered: every operation with the role that it needs. The rest of the service's model is known by name, so
//! that a caller is told the difference between what it misspelt and what this service leaves out.

use futures::future::BoxFuture;
use sealpost_core::access_key::AccessRole;
use serde_json::Value as Json;

use super::call::Call;
use super::refusal::Result;
use super::{connectors, policies, results, start, tags};

/// What a handler gives: an object, or an empty body.
pub(super) type Reply = Result<Option<Json>>;

/// An operation that is offered.
pub(super) struct Operation {
    /// Its name in `X-Amz-Target`.
    pub(super) name: &'static str,
    /// The least role that may call it.
    pub(super) role: AccessRole,
    /// Carries it out.
    pub(super) run: for<'a> fn(&'a Call) -> BoxFuture<'a, Reply>,
}

impl Operation {
    /// Whether it changes something, so that a call must not be repeated by somebody who listened.
    pub(super) fn changes_something(&self) -> bool {
        self.role > AccessRole::Reader
    }
}

macro_rules! operations {
    ($($name:literal $role:ident $run:path;)*) => {
        /// Every operation that is offered.
        pub(super) static OPERATIONS: &[Operation] = &[
            $(Operation { name: $name, role: AccessRole::$role, run: |call| Box::pin($run(call)) },)*
        ];
    };
}

operations! {
    "CreateConnector"         Admin    connectors::create::create;
    "DeleteConnector"         Admin    connectors::delete::delete;
    "DescribeConnector"       Reader   connectors::describe::describe;
    "DescribeSecurityPolicy"  Reader   policies::describe;
    "ListConnectors"          Reader   connectors::list::list;
    "ListFileTransferResults" Reader   results::list;
    "ListSecurityPolicies"    Reader   policies::list;
    "ListTagsForResource"     Reader   tags::list::list;
    "StartDirectoryListing"   Operator start::directory_listing::start;
    "StartFileTransfer"       Operator start::file_transfer::start;
    "StartRemoteDelete"       Operator start::remote_delete::start;
    "StartRemoteMove"         Operator start::remote_move::start;
    "TagResource"             Admin    tags::tag::tag;
    "TestConnection"          Operator connectors::test::test;
    "UntagResource"           Admin    tags::untag::untag;
    "UpdateConnector"         Admin    connectors::update::update;
}

/// Operations of the service's model (2018-11-05) that are not offered: servers, users, web apps, AS2, workflows.
pub(super) static NOT_OFFERED: &[&str] = &[
    "CreateAccess",
    "CreateAgreement",
    "CreateProfile",
    "CreateServer",
    "CreateUser",
    "CreateWebApp",
    "CreateWorkflow",
    "DeleteAccess",
    "DeleteAgreement",
    "DeleteCertificate",
    "DeleteHostKey",
    "DeleteProfile",
    "DeleteServer",
    "DeleteSshPublicKey",
    "DeleteUser",
    "DeleteWebApp",
    "DeleteWebAppCustomization",
    "DeleteWorkflow",
    "DescribeAccess",
    "DescribeAgreement",
    "DescribeCertificate",
    "DescribeExecution",
    "DescribeHostKey",
    "DescribeProfile",
    "DescribeServer",
    "DescribeUser",
    "DescribeWebApp",
    "DescribeWebAppCustomization",
    "DescribeWorkflow",
    "ImportCertificate",
    "ImportHostKey",
    "ImportSshPublicKey",
    "ListAccesses",
    "ListAgreements",
    "ListCertificates",
    "ListExecutions",
    "ListHostKeys",
    "ListProfiles",
    "ListServers",
    "ListUsers",
    "ListWebApps",
    "ListWorkflows",
    "SendWorkflowStepState",
    "StartServer",
    "StopServer",
    "TestIdentityProvider",
    "UpdateAccess",
    "UpdateAgreement",
    "UpdateCertificate",
    "UpdateHostKey",
    "UpdateProfile",
    "UpdateServer",
    "UpdateUser",
    "UpdateWebApp",
    "UpdateWebAppCustomization",
];

/// The operation of this name.
pub(super) fn find(name: &str) -> Option<&'static Operation> {
    OPERATIONS.iter().find(|operation| operation.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_model_is_known_and_nothing_twice() {
        let mut names: Vec<&str> = OPERATIONS.iter().map(|operation| operation.name).collect();
        names.extend(NOT_OFFERED);
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), 71);
    }
}
