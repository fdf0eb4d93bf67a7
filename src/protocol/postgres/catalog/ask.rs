//! The questions about the catalog: SQL for the simple query protocol, whose results come in text format.

/// The result of a question: rows of values, `None` for NULL.
pub type Rows = Vec<Vec<Option<String>>>;

/// The statement to send before the first question. With it, names in the results and in view definitions
/// have their schemas, and no other function stands in for one of the server's.
pub const FIRST: &str = "SET search_path TO pg_catalog";

/// The questions that a server is asked, best in one `REPEATABLE READ` transaction, so that the results fit
/// together. For PostgreSQL 12 and later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// Relations and their columns.
    Relations,
    /// Children and parents, with their names.
    Inheritance,
    /// Which relations refer to which by foreign keys, with their names.
    References,
    /// What views read, and what else the use or a change of a relation involves.
    Dependencies,
    /// Functions, procedures and aggregates.
    Functions,
    /// Operators that are not PostgreSQL's own.
    Operators,
    /// Relations whose rows are settings.
    Setters,
}

/// The results of all questions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answers {
    /// The result of [`Question::Relations`].
    pub relations: Rows,
    /// The result of [`Question::Inheritance`].
    pub inheritance: Rows,
    /// The result of [`Question::References`].
    pub references: Rows,
    /// The result of [`Question::Dependencies`].
    pub dependencies: Rows,
    /// The result of [`Question::Functions`].
    pub functions: Rows,
    /// The result of [`Question::Operators`].
    pub operators: Rows,
    /// The result of [`Question::Setters`].
    pub setters: Rows,
}

impl Question {
    /// All questions.
    pub const ALL: [Self; 7] = [
        Self::Relations,
        Self::Inheritance,
        Self::References,
        Self::Dependencies,
        Self::Functions,
        Self::Operators,
        Self::Setters,
    ];

    /// Returns the SQL of the question.
    pub const fn sql(self) -> &'static str {
        match self {
            Self::Relations => RELATIONS,
            Self::Inheritance => INHERITANCE,
            Self::References => REFERENCES,
            Self::Dependencies => DEPENDENCIES,
            Self::Functions => FUNCTIONS,
            Self::Operators => OPERATORS,
            Self::Setters => SETTERS,
        }
    }

    /// Returns the number of columns of the result.
    pub const fn cells(self) -> usize {
        match self {
            Self::Relations => 8,
            Self::Functions => 11,
            Self::Operators => 7,
            Self::Inheritance | Self::References => 6,
            Self::Dependencies => 3,
            Self::Setters => 1,
        }
    }
}

/// Returns the query for the definition of a view, whose result is a single value. The definition is then
/// parsed and described as a statement: none of it runs.
pub fn definition_of(view: u32) -> String {
    format!("SELECT pg_catalog.pg_get_viewdef({view}::pg_catalog.oid)")
}

/// Returns [`Question::Relations`] limited to columns with these names, to find the relations that have one.
/// A name with a backslash is left out.
pub fn relations_with<'a>(columns: impl Iterator<Item = &'a str>) -> String {
    let quoted =
        columns.filter(|name| !name.contains('\\')).map(|name| format!("'{}'", name.replace('\'', "''")));
    let list: Vec<String> = std::iter::once("''".to_owned()).chain(quoted).collect();
    let only = format!("NOT a.attisdropped AND a.attname IN ({})", list.join(", "));
    RELATIONS.replace("NOT a.attisdropped", &only)
}

/// One row for each column, or one for a relation without columns. The last value tells whether its type
/// contains JSON: it is JSON, or a domain, array, range or composite type of a type that contains JSON.
const RELATIONS: &str = "\
WITH RECURSIVE has_json (oid) AS (\
  SELECT t.oid FROM pg_catalog.pg_type t \
  WHERE t.oid IN ('pg_catalog.json'::pg_catalog.regtype, 'pg_catalog.jsonb'::pg_catalog.regtype) \
  UNION SELECT w.whole FROM has_json j JOIN (\
    SELECT t.oid, t.typbasetype FROM pg_catalog.pg_type t WHERE t.typtype = 'd' \
    UNION ALL SELECT t.oid, t.typelem FROM pg_catalog.pg_type t WHERE t.typelem <> 0 \
    UNION ALL SELECT t.oid, m.atttypid FROM pg_catalog.pg_type t \
    JOIN pg_catalog.pg_attribute m ON m.attrelid = t.typrelid AND m.attnum > 0 \
    UNION ALL SELECT r.rngtypid, r.rngsubtype FROM pg_catalog.pg_range r \
    UNION ALL SELECT d.objid, d.refobjid FROM pg_catalog.pg_depend d \
    WHERE d.classid = 'pg_catalog.pg_type'::pg_catalog.regclass \
    AND d.refclassid = 'pg_catalog.pg_type'::pg_catalog.regclass AND d.deptype = 'i'\
  ) AS w (whole, part) ON w.part = j.oid) \
SELECT c.oid, n.nspname, c.relname, c.relkind, a.attnum, a.attname, \
  CASE WHEN a.attgenerated <> '' THEN pg_catalog.pg_get_expr(d.adbin, d.adrelid) END, \
  a.atttypid IN (SELECT j.oid FROM has_json j) \
FROM pg_catalog.pg_class c \
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum \
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') \
AND (n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast') \
  OR n.nspname = 'pg_catalog' AND c.relname IN ('pg_stats', 'pg_statistic', 'pg_statistic_ext_data', \
    'pg_stats_ext', 'pg_stats_ext_exprs', 'pg_stat_activity', 'pg_largeobject', 'pg_prepared_statements', \
    'pg_cursors')) \
ORDER BY c.oid, a.attnum";

/// One row for each child and parent, with the schema and name of both. Indexes, which have parents too, are
/// left out.
const INHERITANCE: &str = "\
SELECT i.inhrelid, i.inhparent, cn.nspname, c.relname, pn.nspname, p.relname \
FROM pg_catalog.pg_inherits i \
JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid AND c.relkind IN ('r', 'p', 'f') \
JOIN pg_catalog.pg_namespace cn ON cn.oid = c.relnamespace \
JOIN pg_catalog.pg_class p ON p.oid = i.inhparent \
JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace";

/// One row for each relation that refers to another, and that other, with the schema and name of both.
const REFERENCES: &str = "\
SELECT DISTINCT f.conrelid, f.confrelid, cn.nspname, c.relname, pn.nspname, p.relname \
FROM pg_catalog.pg_constraint f \
JOIN pg_catalog.pg_class c ON c.oid = f.conrelid \
JOIN pg_catalog.pg_namespace cn ON cn.oid = c.relnamespace \
JOIN pg_catalog.pg_class p ON p.oid = f.confrelid \
JOIN pg_catalog.pg_namespace pn ON pn.oid = p.relnamespace \
WHERE f.contype = 'f' AND f.conrelid <> f.confrelid";

/// One row for each relation (`r`) or function (`f`) that a view reads or calls. An operator counts as its
/// function. Columns are not asked for, since whole rows leave no dependency of their own.
///
/// Further rows tell what SQL does not say about the relations that it names. For a change: which other
/// relations it changes, by foreign keys and rules (`c`), and which functions it calls, by triggers, rules,
/// defaults, checks, domains and indexes (`x`; without PostgreSQL's own). For any use: which relations (`p`)
/// and functions (`q`) its row policies use. And what replaces a change (`i`): `INSTEAD` rules and triggers.
const DEPENDENCIES: &str = "\
SELECT r.ev_class, CASE WHEN d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass \
    THEN CASE r.ev_type WHEN '1' THEN 'r' ELSE 'c' END ELSE CASE r.ev_type WHEN '1' THEN 'f' ELSE 'x' END END, \
  CASE WHEN d.refclassid = 'pg_catalog.pg_operator'::pg_catalog.regclass THEN o.oprcode::pg_catalog.oid \
    ELSE d.refobjid END \
FROM pg_catalog.pg_rewrite r \
JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid = r.oid \
  AND d.refclassid IN ('pg_catalog.pg_class'::pg_catalog.regclass, 'pg_catalog.pg_proc'::pg_catalog.regclass, \
    'pg_catalog.pg_operator'::pg_catalog.regclass) \
LEFT JOIN pg_catalog.pg_operator o ON d.refclassid = 'pg_catalog.pg_operator'::pg_catalog.regclass \
  AND o.oid = d.refobjid \
WHERE d.refobjid <> r.ev_class \
UNION SELECT f.confrelid, 'c', f.conrelid FROM pg_catalog.pg_constraint f \
WHERE f.contype = 'f' AND (f.confupdtype IN ('c', 'n', 'd') OR f.confdeltype IN ('c', 'n', 'd')) \
UNION SELECT g.tgrelid, 'x', g.tgfoid FROM pg_catalog.pg_trigger g WHERE NOT g.tgisinternal \
UNION SELECT g.tgrelid, 'i', g.oid FROM pg_catalog.pg_trigger g WHERE NOT g.tgisinternal AND g.tgtype & 64 <> 0 \
UNION SELECT r.ev_class, 'i', r.oid FROM pg_catalog.pg_rewrite r WHERE r.ev_type <> '1' AND r.is_instead \
UNION SELECT COALESCE(k.conrelid, t.attrelid, a.adrelid, i.indrelid), 'x', \
  CASE WHEN d.refclassid = 'pg_catalog.pg_operator'::pg_catalog.regclass THEN o.oprcode::pg_catalog.oid \
    ELSE d.refobjid END \
FROM pg_catalog.pg_depend d \
LEFT JOIN pg_catalog.pg_constraint c ON d.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass AND c.oid = d.objid \
LEFT JOIN pg_catalog.pg_constraint k ON k.oid = c.oid AND k.conrelid <> 0 \
LEFT JOIN pg_catalog.pg_attribute t ON c.contypid <> 0 AND t.atttypid = c.contypid \
LEFT JOIN pg_catalog.pg_attrdef a ON d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass AND a.oid = d.objid \
LEFT JOIN pg_catalog.pg_index i ON d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND i.indexrelid = d.objid \
LEFT JOIN pg_catalog.pg_operator o ON d.refclassid = 'pg_catalog.pg_operator'::pg_catalog.regclass \
  AND o.oid = d.refobjid \
WHERE d.refclassid IN ('pg_catalog.pg_proc'::pg_catalog.regclass, 'pg_catalog.pg_operator'::pg_catalog.regclass) \
AND COALESCE(k.conrelid, t.attrelid, a.adrelid, i.indrelid) IS NOT NULL \
UNION SELECT p.polrelid, CASE WHEN d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass THEN 'p' ELSE 'q' END, \
  CASE WHEN d.refclassid = 'pg_catalog.pg_operator'::pg_catalog.regclass THEN o.oprcode::pg_catalog.oid \
    ELSE d.refobjid END \
FROM pg_catalog.pg_policy p \
JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_policy'::pg_catalog.regclass AND d.objid = p.oid \
  AND d.deptype = 'n' AND d.refclassid IN ('pg_catalog.pg_class'::pg_catalog.regclass, \
    'pg_catalog.pg_proc'::pg_catalog.regclass, 'pg_catalog.pg_operator'::pg_catalog.regclass) \
LEFT JOIN pg_catalog.pg_operator o ON d.refclassid = 'pg_catalog.pg_operator'::pg_catalog.regclass \
  AND o.oid = d.refobjid";

/// One row for each function, or for each support function of an aggregate. The volatile ones of `pg_catalog`
/// are included so that a function with the same name elsewhere is not taken for them. Temporary functions
/// are found only by their schema, so they are left out. The last four values: whether only a superuser can
/// have made it what it is, which is so if a superuser owns it and it belongs to an extension; the least and
/// the most arguments that it takes (NULL: any number); and whether the first can be a row.
const FUNCTIONS: &str = "\
SELECT p.oid, n.nspname, p.proname, p.prokind, b.provolatile, p.prosecdef OR b.prosecdef, l.lanname, \
  p.proowner IN (SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolsuper) AND EXISTS (\
    SELECT 1 FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass \
    AND d.objid = p.oid AND d.deptype = 'e'), \
  p.pronargs - p.pronargdefaults, CASE WHEN p.provariadic = 0 THEN p.pronargs END, \
  p.provariadic <> 0 OR COALESCE((SELECT t.typtype IN ('c', 'p') OR t.typtype = 'd' AND e.typtype IN ('c', 'd') \
    FROM pg_catalog.pg_type t LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typbasetype \
    WHERE t.oid = p.proargtypes[0]), true) \
FROM pg_catalog.pg_proc p \
JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace \
LEFT JOIN pg_catalog.pg_aggregate g ON g.aggfnoid = p.oid \
JOIN pg_catalog.pg_proc b ON b.oid = ANY (CASE WHEN g.aggfnoid IS NULL THEN ARRAY[p.oid] ELSE \
  ARRAY[g.aggtransfn::pg_catalog.oid, g.aggfinalfn::pg_catalog.oid, g.aggcombinefn::pg_catalog.oid, \
    g.aggserialfn::pg_catalog.oid, g.aggdeserialfn::pg_catalog.oid, g.aggmtransfn::pg_catalog.oid, \
    g.aggminvtransfn::pg_catalog.oid, g.aggmfinalfn::pg_catalog.oid] END) \
JOIN pg_catalog.pg_language l ON l.oid = b.prolang \
WHERE n.nspname NOT LIKE 'pg\\_temp\\_%' AND (n.nspname <> 'pg_catalog' OR p.provolatile = 'v')";

/// One row for each relation whose change may change rows of `pg_settings`, which is a `SET`: views of it,
/// views of those, relations with rules that lead there, and relations that others which lead there refer to.
const SETTERS: &str = "\
WITH RECURSIVE leads (oid) AS (\
  SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
  WHERE n.nspname = 'pg_catalog' AND c.relname = 'pg_settings' \
  UNION SELECT w.up FROM leads l JOIN (\
    SELECT r.ev_class, d.refobjid FROM pg_catalog.pg_depend d \
    JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid \
    WHERE d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass \
    AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass \
    UNION ALL SELECT f.confrelid, f.conrelid FROM pg_catalog.pg_constraint f WHERE f.contype = 'f'\
  ) AS w (up, down) ON w.down = l.oid) \
SELECT c.relname FROM leads l JOIN pg_catalog.pg_class c ON c.oid = l.oid \
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname <> 'pg_catalog'";

/// One row for the function of each operator, and for those of its commutator and its negator, which the
/// planner may use instead.
const OPERATORS: &str = "\
SELECT o.oprname, n.nspname, p.proname, p.provolatile, p.prosecdef, l.lanname, \
  p.proowner IN (SELECT r.oid FROM pg_catalog.pg_roles r WHERE r.rolsuper) AND EXISTS (\
    SELECT 1 FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass \
    AND d.objid = p.oid AND d.deptype = 'e') \
FROM pg_catalog.pg_operator o \
JOIN pg_catalog.pg_namespace n ON n.oid = o.oprnamespace \
JOIN pg_catalog.pg_operator c ON c.oid IN (o.oid, o.oprcom, o.oprnegate) \
JOIN pg_catalog.pg_proc p ON p.oid = c.oprcode::pg_catalog.oid \
JOIN pg_catalog.pg_language l ON l.oid = p.prolang \
WHERE n.nspname <> 'pg_catalog' AND n.nspname NOT LIKE 'pg\\_temp\\_%'";
