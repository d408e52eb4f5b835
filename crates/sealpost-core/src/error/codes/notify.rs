//! What can go wrong with a notification to a partner's webhook.

codes! { Notify;
    UNREACHABLE = "SP-NOTIFY-001", Unavailable, Partner, retried, "the webhook's server can't be reached", "It is tried again; check the webhook's address and firewalls.";
    TIMEOUT = "SP-NOTIFY-002", Timeout, Partner, retried, "the webhook's server did not answer in time", "It is tried again; answer within 15 seconds and do slow work afterwards.";
    REFUSED = "SP-NOTIFY-003", Rejected, Partner, retried, "the webhook's server did not answer with a 2xx status", "It is tried again; show the partner the status.";
    TLS = "SP-NOTIFY-004", Integrity, Partner, retried, "the webhook's server has no valid TLS certificate", "It is tried again; renew the certificate or correct the address.";
    ADDRESS = "SP-NOTIFY-005", Rejected, Partner, final, "the webhook's address may not be called", "It resolves to a private or reserved address; operators can allow those in the configuration.";
    GONE = "SP-NOTIFY-006", Rejected, Partner, final, "the webhook's server answered 410: it is gone", "The webhook was disabled; enable it again once the address works.";
    ATTEMPTS = "SP-NOTIFY-007", Unavailable, Partner, final, "the notification could not be delivered", "All attempts are used up; replay it when the webhook works again.";
    WEBHOOK_GONE = "SP-NOTIFY-008", Conflict, Caller, final, "the notification's webhook was removed or disabled", "Nothing to do, or enable the webhook and replay the notification.";
    NO_SECRET = "SP-NOTIFY-009", Config, Operator, retried, "the secret that notifications are signed with can't be read", "Check `[webhooks] signing_secret` in the configuration.";
    EVENT_SINK = "SP-NOTIFY-010", Unavailable, Operator, retried, "a sink did not take a transfer event", "It comes again; look at the sink's address, rights and space.";
}
