-- Whether anything was ever noted in the audit trail: one that is empty though this says otherwise was emptied.
INSERT OR IGNORE INTO meta (key, value) SELECT 'audited', CASE WHEN EXISTS (SELECT 1 FROM audit) THEN '1' ELSE '' END;
