"""Address: who owns which instance, who may ask, and what a person wants connected.

Takes decoded events and keys, gives addressed events and principals. Owns organizations, instances and API keys, and is
the only mint of `OrganizationScope`. Never takes an organization from a payload, a URL or a client's claim.
"""
