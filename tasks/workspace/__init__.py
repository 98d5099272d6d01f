"""Getting back what the vendor of the workspace keeps of mailboxes, drives and sites: beside what is there, never over it."""
