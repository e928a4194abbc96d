"""The Messenger service proper: notification sessions, switchboards, and who is told what. State is the world's."""
