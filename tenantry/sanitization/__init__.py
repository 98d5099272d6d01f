"""That a client's data was deleted, said so that it can be held against us: a signed statement, and its rendering as a certificate."""

from tenantry.sanitization.model import KIND, Certificate
from tenantry.sanitization.statement import check_said, said, subject_of, withheld

__all__ = ["KIND", "Certificate", "check_said", "said", "subject_of", "withheld"]
