"""What the healthcare schema gets beyond the contract: members, their claims, a page for people."""

from target_healthcare.healthcare.members import Address, Member, MemberRecord
from target_healthcare.healthcare.routes import TABLES, TEMPLATES, internal_routes, public_routes

__all__ = ["TABLES", "TEMPLATES", "Address", "Member", "MemberRecord", "internal_routes", "public_routes"]
