"""Tell: alert rules, incidents, and the channels by which people hear of them.

Takes stored events, states of links and instances, and notices of limits; gives messages to channels. Owns the rules,
the incidents and the deliveries with their retries. Never blocks the corridor, and never sends message text that nobody
chose to send.
"""
