"""CERTIFY: target and ticket -> certificate, two-sided and checkable by a stranger."""

from strongltn.certify.attack import Attack
from strongltn.certify.certificate import Certificate, certify_ticket
from strongltn.certify.methods import CertifySettings

__all__ = ["Attack", "Certificate", "CertifySettings", "certify_ticket"]
