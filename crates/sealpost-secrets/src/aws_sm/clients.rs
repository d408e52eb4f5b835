//! Clients of the service, one per region.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use sealpost_aws::{Client, Credentials, Fault, Patience, SECRETS_MANAGER, endpoint, region, region_of_arn};

use crate::{Environment, Surroundings};

/// Clients that are made when they are first needed.
pub(crate) struct Clients {
    environment: Arc<dyn Environment>,
    clients: Mutex<HashMap<String, Arc<Client>>>,
    credentials: Mutex<Option<Credentials>>,
}

impl Clients {
    pub(crate) fn new(surroundings: &Surroundings) -> Self {
        Self { environment: surroundings.environment.clone(), clients: Mutex::default(), credentials: Mutex::default() }
    }

    /// The client for the region of a secret: the one that its ARN says, else the environment's.
    pub(crate) fn of(&self, id: &str) -> Result<Arc<Client>, Fault> {
        let variable = |name: &str| self.environment.variable(name)?.into_string().ok();
        let region = region_of_arn(id)
            .map(str::to_owned)
            .or_else(|| region(&variable))
            .ok_or_else(|| Fault::Settings("no region: set AWS_REGION, or name the secret by its ARN".to_owned()))?;
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(&region) {
            return Ok(client.clone());
        }
        let endpoint = endpoint(SECRETS_MANAGER, &region, &variable);
        let credentials = self.credentials(&variable)?;
        let client = Client::new(SECRETS_MANAGER, &region, &endpoint, credentials, Patience::default())?;
        let client = Arc::new(client);
        clients.insert(region, client.clone());
        Ok(client)
    }

    /// One chain for all regions: it keeps temporary keys until they expire.
    fn credentials(&self, variable: sealpost_aws::Variable<'_>) -> Result<Credentials, Fault> {
        let mut credentials = self.credentials.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(credentials) = &*credentials {
            return Ok(credentials.clone());
        }
        Ok(credentials.insert(Credentials::from_environment(variable)?).clone())
    }
}
