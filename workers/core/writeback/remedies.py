"""What to do about rows that Salesforce rejected."""

from __future__ import annotations

from workers.core.writeback.verdicts import code_of, verdict_of_row

REMEDIES = {
    "INSUFFICIENT_ACCESS_OR_READONLY": "give the connected user edit access to the record (sharing, or Modify All)",
    "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY": "give the connected user access to the record's account or owner",
    "FIELD_CUSTOM_VALIDATION_EXCEPTION": "exempt the connected user from the validation rule, or mend the record",
    "REQUIRED_FIELD_MISSING": "fill the required field of the record",
    "ENTITY_IS_DELETED": "nothing: the record is gone",
    "INVALID_CROSS_REFERENCE_KEY": "nothing: the record is gone",
    "NUMBER_OUTSIDE_VALID_RANGE": "give the score field more digits",
    "CANNOT_EXECUTE_FLOW_TRIGGER": "mend the flow that runs when such records are saved",
    "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY": "mend the trigger that runs when such records are saved",
    "STORAGE_LIMIT_EXCEEDED": "free storage in the org",
}


def remedy(error: str | None) -> str:
    """What to do about a rejected row, by Salesforce's code (`CODE:message:fields --`)."""
    code = code_of(error or "")
    if error and verdict_of_row(error) != "rejected":
        return "nothing: it is tried again the next day"
    return REMEDIES.get(code, "look the code up in Salesforce's documentation") if error else ""
