"""What a simulated org is started with."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from sandbox.org.automation.specs import Automation, ValidationRule
from sandbox.org.events.custom_channels import CustomChannel
from sandbox.org.faults.plan import FaultSpec
from sandbox.org.metadata.record_types import RecordTypeSpec
from sandbox.org.soql.settings import SoqlSettings
from sandbox.org.users.specs import UserSpec

AppAccess = Literal["allowed", "not approved", "blocked"]
# A trusted range, one where passwords need the security token, or one that is shut out.
AddressAccess = Literal["trusted", "unknown", "restricted"]
#: Organization-wide default: what every user may do with the records of others.
Sharing = Literal["private", "read", "edit", "controlled by parent"]


@dataclass(frozen=True, slots=True)
class OrgConfig:
    """Settings of one simulated org; everything secret or named is derived from ``seed`` unless given.

    Durations are real ones by default and are meant to be shrunk in tests.
    """

    host: str = "127.0.0.1"
    port: int = 0
    contacts: int = 0
    leads: int = 0
    accounts: int = 0
    seed: int = 1
    api_version: str = "62.0"
    oldest_api_version: str = "31.0"
    newest_api_version: str = "66.0"

    username: str = ""
    password: str = field(default="", repr=False)
    security_token: str = field(default="", repr=False)
    # Further users beside the administrator above, and what everybody may do with the records of others:
    # (("Lead", "private"), ...); objects that are not named have what a new org has.
    users: tuple[UserSpec, ...] = ()
    sharing: tuple[tuple[str, Sharing], ...] = ()
    # Salesforce shows a field made by API to nobody until field permissions are given.
    new_fields_visible: bool = False
    # Whether reading one record over REST counts as viewing it, beside SOQL's FOR VIEW: no document says.
    reads_are_views: bool = True
    # Salesforce Help, "Let Users View and Edit Converted Leads": list views do not show them. Which part of a described
    # list says so is not documented; here it is the query alone.
    lists_show_converted_leads: bool = False
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    access_token_lifetime_seconds: float | None = None
    # Using a session in the second half of its life starts the timeout again.
    sessions_roll: bool = True
    rotate_refresh_tokens: bool = False
    # A rotated token that comes back was stolen or replayed: end everything that came from its approval.
    reuse_revokes_family: bool = True
    refresh_token_idle_lifetime_seconds: float | None = None
    approvals_per_user: int = 5
    password_flow_enabled: bool = False
    client_credentials_enabled: bool = True
    # The run-as user of the client credentials flow; the administrator unless given.
    client_credentials_username: str = ""
    # Password policies of a new org: locked for 15 minutes after 10 wrong passwords.
    lockout_attempts: int = 10
    lockout_seconds: float = 900
    pkce_required: bool = False
    # Asked for after the password when it is not empty.
    verification_code: str = field(default="", repr=False)
    # Off: the administrator has approved the app for its users, as installed apps are.
    consent_page: bool = False
    # PEM of the certificate or public key registered with the app for the JWT bearer flow.
    jwt_public_key: str = ""
    # How far ahead exp may be. None, no bound: Salesforce's own command line sends milliseconds and gets in, and others
    # send five minutes (simple-salesforce#491); 180 is what documents commonly say.
    jwt_window_seconds: float | None = None
    jwt_audiences: tuple[str, ...] = ("https://login.salesforce.com", "https://test.salesforce.com")
    # "audience is invalid" was seen too.
    jwt_audience_error: str = "Audience validation failed"
    # Off: the user must have gone through the web server flow first.
    jwt_users_approved: bool = True
    app_access: AppAccess = "allowed"
    # Where clients come from: a trusted range, one where the security token is needed, or one that is shut out.
    address_access: AddressAccess = "trusted"
    soap_login_enabled: bool = True
    # SOAP login() is absent from 65.0 on.
    newest_soap_login_version: str = "64.0"

    # PEM files; when given, the server speaks TLS instead of plain HTTP.
    certificate: Path | None = None
    private_key: Path | None = None

    # Entities selected for Change Data Capture. Salesforce allows five without an add-on.
    cdc_entities: tuple[str, ...] = ("Account", "Contact", "Lead")
    retention_seconds: float = 72 * 3600
    connect_timeout_seconds: float = 110
    # A client that stays away longer than this after a connect reply loses its session.
    reconnect_window_seconds: float = 40
    # The Java CometD client loops for ever on a reply above 1 MiB.
    connect_reply_max_bytes: int = 1_000_000
    connect_reply_max_events: int = 300

    # Change events. Where Salesforce's behaviour is not known the default is the recommended reading.
    custom_channels: tuple[CustomChannel, ...] = ()
    event_max_bytes: int = 1_000_000  # larger ones become gap events (CDC guide: 1 MB)
    overflow_changes: int = 100_000  # per transaction (CDC guide)
    long_text_as_diff: bool = False
    merge_deletes_share_event: bool = True
    merge_announces_children: bool = False
    hard_delete_announces: bool = True  # of a live record; emptying the recycle bin never does
    conversion_lead_has_modified_date: bool = True
    conversion_lead_event_later_ms: int = 1_000  # as in the guide's sample: the lead's event is a second younger
    # Recycle bin (Help): days that records are kept, and how many at most, the oldest go first.
    recycle_bin_days: float = 15
    recycle_bin_max_records: int = 5_000

    # CometD limits and strictness; None: not enforced.
    concurrent_cometd_clients: int | None = None
    daily_delivered_events: int | None = None
    delivery_limit_at: tuple[Literal["connect", "subscribe"], ...] = ("connect", "subscribe")
    limit_advice: Literal["none", "retry", "handshake", "absent"] = "none"
    cookies_required: bool = False

    # What administrators have set up. Custom fields are given as the Tooling API takes them: full name and metadata.
    person_accounts: bool = False
    record_types: tuple[RecordTypeSpec, ...] = ()
    custom_fields: tuple[tuple[str, Mapping[str, object]], ...] = ()
    validation_rules: tuple[ValidationRule, ...] = ()
    automations: tuple[Automation, ...] = ()
    # The guide says both that events have them and that they have not.
    formula_fields_in_events: bool = False

    # Faults planned from the start; shares are drawn with the seed.
    faults: tuple[FaultSpec, ...] = ()

    soql: SoqlSettings = field(default_factory=SoqlSettings)

    # Salesforce compresses every answer; a small one is not worth the time of a shared machine.
    gzip_min_bytes: int = 2_048

    # Older ones go to temporary files.
    ledger_entries_in_memory: int = 20_000
    events_in_memory: int = 100_000

    daily_api_requests: int = 15_000_000
    collections_max_rows: int = 200
    # REST API guide, "Get Records With a Request Body Using sObject Collections".
    collections_max_retrieved: int = 2_000

    bulk_internal_batch_rows: int = 10_000
    bulk_transaction_rows: int = 200
    bulk_processing_delay_seconds: float = 0
    # Nobody has seen the origin of Bulk API 2.0 writes: its API (an empty one leaves all of it empty), which requests
    # may name the client, and whether a slash ends it.
    bulk_origin_api: str = "bulkapi"
    bulk_client_told_at: tuple[Literal["create", "upload", "close"], ...] = ("create", "upload", "close")
    bulk_client_ends_with_slash: bool = False
    bulk_hard_delete_allowed: bool = False  # the "Bulk API Hard Delete" permission
    bulk_second_upload_accepted: bool = False
    bulk_job_lifetime_seconds: float = 7 * 24 * 3600
    # Per rolling 24 hours (Bulk API 2.0 guide, "Limits").
    daily_bulk_batches: int = 15_000
    daily_bulk_query_jobs: int = 10_000
    daily_bulk_query_megabytes: int = 976_562

    def __post_init__(self) -> None:
        for name, value in _derived(self.seed).items():
            if not getattr(self, name):
                object.__setattr__(self, name, value)


def _derived(seed: int) -> dict[str, str]:
    return {
        "username": f"integration.{seed}@org.example",
        "password": _secret(seed, "password", 16),
        "security_token": _secret(seed, "security token", 24),
        "client_id": "3MVG9" + _secret(seed, "client id", 32),
        "client_secret": _secret(seed, "client secret", 64).upper(),
    }


def _secret(seed: int, purpose: str, length: int) -> str:
    return hashlib.sha256(f"{seed}:{purpose}".encode()).hexdigest()[:length]
