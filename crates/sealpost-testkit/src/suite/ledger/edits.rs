//! Identities, and edits: two changes at once are both kept.

use futures::future::join_all;
use sealpost_core::Error;
use sealpost_core::error::codes;
use sealpost_core::partner::Partner;

use super::records::{identity, sample_connector, sample_partner};
use super::{Ports, connector_id, partner, refused};

/// An identity leads to its partner as it is now, for as long as the partner has it.
pub async fn an_identity_leads_to_its_partner(ports: Ports) {
    let records = &ports.records;
    let (client, batch, foreign) = (identity("okta", "client"), identity("okta", "batch"), identity("entra", "client"));
    let acme = Partner { identities: vec![client.clone(), batch.clone(), batch.clone()], ..sample_partner("acme") };
    records.put_partner(&acme).await.unwrap();
    assert_eq!(records.partner_of(&client).await.unwrap(), Some(acme.clone()));
    assert_eq!(records.partner_of(&batch).await.unwrap(), Some(acme.clone()));
    // The same subject of another issuer is another caller; and a subject is taken letter by letter.
    for stranger in [&foreign, &identity("okta", "CLIENT"), &identity("okta", "clien"), &identity("okta", "")] {
        assert_eq!(records.partner_of(stranger).await.unwrap(), None, "{stranger}");
    }
    let changed = Partner { enabled: false, identities: vec![client.clone(), foreign.clone()], ..acme };
    records.put_partner(&changed).await.unwrap();
    assert_eq!(records.partner_of(&batch).await.unwrap(), None);
    assert_eq!(records.partner_of(&foreign).await.unwrap(), Some(changed.clone()));
    assert!(records.remove_partner(&changed.id).await.unwrap());
    assert_eq!(records.partner_of(&client).await.unwrap(), None);
}

/// A second partner can't have it, and is left as it was; the operator is told who has it.
pub async fn an_identity_has_one_partner(ports: Ports) {
    let records = &ports.records;
    let (client, free) = (identity("okta", "client"), identity("okta", "free"));
    let acme = Partner { identities: vec![client.clone()], ..sample_partner("acme") };
    let other = Partner { identities: vec![identity("okta", "others")], ..sample_partner("other") };
    records.put_partner(&acme).await.unwrap();
    records.put_partner(&other).await.unwrap();

    let greedy = Partner { identities: vec![free.clone(), client.clone()], name: "new".to_owned(), ..other.clone() };
    let error = records.put_partner(&greedy).await.unwrap_err();
    assert!(error.is(&codes::request::IDENTITY_TAKEN), "{error}");
    for word in ["client of okta", "acme", "other"] {
        assert!(error.detail().contains(word), "{error}");
    }
    let grab = client.clone();
    let edit = move |partner: Partner| Ok(Partner { identities: vec![grab.clone()], ..partner });
    refused(records.edit_partner(&other.id, &edit).await, &codes::request::IDENTITY_TAKEN);
    assert_eq!(records.partner(&other.id).await.unwrap(), Some(other.clone()));
    assert_eq!(records.partner_of(&free).await.unwrap(), None);
    assert_eq!(records.partner_of(&client).await.unwrap(), Some(acme.clone()));
    assert_eq!(records.partner_of(&other.identities[0]).await.unwrap(), Some(other.clone()));

    // Given up by the one, it is free for the other.
    records.put_partner(&Partner { identities: Vec::new(), ..acme }).await.unwrap();
    records.put_partner(&greedy).await.unwrap();
    assert_eq!(records.partner_of(&client).await.unwrap(), Some(greedy));
}

/// See [`one_wins_across`], with one opening.
pub async fn of_many_who_claim_an_identity_one_gets_it(ports: Ports) {
    one_wins_across(&[ports]).await;
}

/// Many partners are given one identity at once, through any of these openings: one of them gets it.
pub async fn one_wins_across(openings: &[Ports]) {
    let client = identity("okta", "wanted");
    let claims = openings.iter().cycle().take(12).enumerate().map(|(number, ports)| {
        let records = ports.records.clone();
        let claimant = Partner { identities: vec![client.clone()], ..sample_partner(&format!("p{number}")) };
        tokio::spawn(async move { records.put_partner(&claimant).await.map(|()| claimant) })
    });
    let mut winners = Vec::new();
    for claim in join_all(claims).await {
        match claim.unwrap() {
            Ok(winner) => winners.push(winner),
            Err(error) => assert!(error.is(&codes::request::IDENTITY_TAKEN), "{error}"),
        }
    }
    let records = &openings[0].records;
    assert_eq!(records.partners().await.unwrap(), winners);
    assert_eq!(winners.len(), 1);
    assert_eq!(records.partner_of(&client).await.unwrap().as_ref(), winners.first());
}

/// See [`edits_across`], with one opening.
pub async fn concurrent_edits_are_all_kept(ports: Ports) {
    edits_across(&[ports]).await;
}

/// Fifty edits of one partner at once, through any of these openings: none is lost.
pub async fn edits_across(openings: &[Ports]) {
    let acme = Partner { deliver_to: Vec::new(), ..sample_partner("acme") };
    openings[0].records.put_partner(&acme).await.unwrap();
    let edits = openings.iter().cycle().take(50).enumerate().map(|(number, ports)| {
        let (records, id) = (ports.records.clone(), acme.id.clone());
        tokio::spawn(async move {
            let added = connector_id("acme", &format!("c{number}"));
            let add = added.clone();
            let edit = move |mut partner: Partner| {
                partner.deliver_to.push(add.clone());
                partner.identities.push(identity("okta", &format!("client-{number}")));
                Ok(partner)
            };
            let after = records.edit_partner(&id, &edit).await.unwrap().expect("the partner");
            assert_eq!(after.deliver_to.last(), Some(&added), "the answer is the record that was stored");
        })
    });
    for edit in join_all(edits).await {
        edit.unwrap();
    }
    let after = openings[0].records.partner(&acme.id).await.unwrap().expect("the partner");
    for number in 0..50 {
        assert!(after.deliver_to.contains(&connector_id("acme", &format!("c{number}"))), "edit {number} is lost");
        let client = identity("okta", &format!("client-{number}"));
        assert_eq!(openings[0].records.partner_of(&client).await.unwrap().as_ref(), Some(&after));
    }
    assert_eq!(after.deliver_to.len(), 50);
}

/// An edit that says no changes nothing; what is not there is not made; a record stays the one it is.
pub async fn an_edit_that_fails_changes_nothing(ports: Ports) {
    let records = &ports.records;
    let (acme, connector) = (sample_partner("acme"), sample_connector("acme", "main"));
    let never = |_: Partner| -> sealpost_core::Result<Partner> { panic!("there is nothing to edit") };
    assert_eq!(records.edit_partner(&acme.id, &never).await.unwrap(), None);
    assert_eq!(records.edit_connector(&connector.id, &Ok).await.unwrap(), None);
    records.put_partner(&acme).await.unwrap();
    records.put_connector(&connector).await.unwrap();

    let no = |_| Err(Error::new(&codes::request::CHANGED_MEANWHILE, "the suite's no"));
    refused(records.edit_partner(&acme.id, &no).await, &codes::request::CHANGED_MEANWHILE);
    let no = |_| Err(Error::new(&codes::request::CHANGED_MEANWHILE, "the suite's no"));
    refused(records.edit_connector(&connector.id, &no).await, &codes::request::CHANGED_MEANWHILE);
    assert_eq!(records.partner(&acme.id).await.unwrap(), Some(acme.clone()));
    assert_eq!(records.connector(&connector.id).await.unwrap(), Some(connector.clone()));

    let renamed = records.edit_partner(&acme.id, &|one| Ok(Partner { id: partner("other"), ..one })).await.unwrap();
    assert_eq!(renamed, Some(acme.clone()));
    assert_eq!(records.partners().await.unwrap(), [acme]);
    let edit = |mut one: sealpost_core::connector::Connector| {
        one.partner = partner("other");
        one.settings.host_keys.push("SHA256:new".to_owned());
        Ok(one)
    };
    let edited = records.edit_connector(&connector.id, &edit).await.unwrap().expect("the connector");
    assert_eq!((edited.partner.as_str(), edited.settings.host_keys.len()), ("acme", 2));
    assert_eq!(records.connectors(None).await.unwrap(), [edited]);
}
