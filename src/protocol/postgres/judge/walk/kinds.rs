//! Every node type of the grammar, and which file handles it.

use pg_query::NodeEnum;

/// Which file handles a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Constants and names without an effect of their own.
    Data,
    /// Lists of nodes.
    List,
    /// `SELECT` and the statements that change rows.
    Query,
    /// The items of a `FROM`.
    Table,
    /// Parts of statements that hold expressions.
    Clause,
    /// Expressions.
    Expression,
    /// JSON and XML expressions.
    Json,
    /// Statements about the session: settings, transactions, prepared statements, cursors.
    Session,
    /// Statements that change structure.
    Structure,
    /// Statements about rights, roles, files and the server.
    Administration,
    /// Nodes that only exist after parse analysis; no parser returns them.
    Analyzed,
}

/// One match over all node types, without a wildcard: a new type does not compile until it is listed.
macro_rules! kinds {
    ($($kind:ident: $($node:ident)*;)*) => {
        /// Returns which file handles the node.
        pub(super) const fn kind(node: &NodeEnum) -> Kind {
            match node {
                $($(NodeEnum::$node(_))|* => Kind::$kind,)*
            }
        }
    };
}

kinds! {
    Data: Integer Float Boolean String BitString IntList OidList AConst ParamRef AStar SetToDefault
        SqlvalueFunction MergeSupportFunc Alias RoleSpec AccessPriv TriggerTransition ReturningOption
        ReplicaIdentityStmt AtalterConstraint JsonFormat JsonReturning CtesearchClause ObjectWithArgs;
    List: List;
    Query: SelectStmt InsertStmt UpdateStmt DeleteStmt MergeStmt MergeWhenClause CommonTableExpr WithClause
        OnConflictClause InferClause ReturningClause ReturnStmt LockingClause CtecycleClause RawStmt CopyStmt
        ExplainStmt CreateTableAsStmt IntoClause;
    Table: RangeVar JoinExpr RangeSubselect RangeFunction RangeTableFunc RangeTableFuncCol RangeTableSample JsonTable
        JsonTableColumn JsonTablePathSpec;
    Clause: ResTarget MultiAssignRef SortBy WindowDef GroupingSet DefElem TypeName ColumnDef Constraint IndexElem
        TableLikeClause PartitionElem PartitionSpec PartitionBoundSpec PartitionRangeDatum PartitionCmd
        FunctionParameter StatsElem PublicationTable PublicationObjSpec VacuumRelation CreateOpClassItem AlterTableCmd;
    Expression: ColumnRef AExpr BoolExpr SubLink CaseExpr CaseWhen RowExpr CoalesceExpr MinMaxExpr NullTest BooleanTest
        TypeCast CollateClause FuncCall NamedArgExpr AIndices AIndirection AArrayExpr GroupingFunc
        CurrentOfExpr;
    Json: XmlExpr XmlSerialize JsonValueExpr JsonIsPredicate JsonBehavior JsonOutput JsonArgument JsonFuncExpr
        JsonKeyValue JsonParseExpr JsonScalarExpr JsonSerializeExpr JsonObjectConstructor JsonArrayConstructor
        JsonArrayQueryConstructor JsonAggConstructor JsonObjectAgg JsonArrayAgg;
    Session: VariableSetStmt VariableShowStmt TransactionStmt PrepareStmt ExecuteStmt DeallocateStmt DeclareCursorStmt
        FetchStmt ClosePortalStmt ListenStmt UnlistenStmt NotifyStmt DiscardStmt LockStmt ConstraintsSetStmt DoStmt
        CallStmt;
    Structure: CreateStmt CreateSchemaStmt AlterTableStmt ViewStmt RuleStmt IndexStmt CreateSeqStmt AlterSeqStmt
        CreateFunctionStmt AlterFunctionStmt CreateTrigStmt CreateDomainStmt AlterDomainStmt CreateEnumStmt
        AlterEnumStmt CreateRangeStmt CompositeTypeStmt AlterTypeStmt DefineStmt CreateCastStmt CreateOpClassStmt
        CreateOpFamilyStmt AlterOpFamilyStmt AlterOperatorStmt CreateConversionStmt AlterCollationStmt CreateStatsStmt
        AlterStatsStmt AlterTsdictionaryStmt AlterTsconfigurationStmt DropStmt RenameStmt CommentStmt
        AlterObjectSchemaStmt AlterObjectDependsStmt TruncateStmt RefreshMatViewStmt;
    Administration: GrantStmt GrantRoleStmt AlterDefaultPrivilegesStmt CreateRoleStmt AlterRoleStmt AlterRoleSetStmt
        DropRoleStmt AlterOwnerStmt DropOwnedStmt ReassignOwnedStmt CreatePolicyStmt AlterPolicyStmt SecLabelStmt
        CreateTableSpaceStmt DropTableSpaceStmt AlterTableSpaceOptionsStmt AlterTableMoveAllStmt CreateExtensionStmt
        AlterExtensionStmt AlterExtensionContentsStmt CreateFdwStmt AlterFdwStmt CreateForeignServerStmt
        AlterForeignServerStmt CreateForeignTableStmt CreateUserMappingStmt AlterUserMappingStmt DropUserMappingStmt
        ImportForeignSchemaStmt CreateAmStmt CreateEventTrigStmt AlterEventTrigStmt CreatePlangStmt CreateTransformStmt
        CreatedbStmt AlterDatabaseStmt AlterDatabaseRefreshCollStmt AlterDatabaseSetStmt DropdbStmt AlterSystemStmt
        ClusterStmt VacuumStmt ReindexStmt CheckPointStmt LoadStmt CreatePublicationStmt AlterPublicationStmt
        CreateSubscriptionStmt AlterSubscriptionStmt DropSubscriptionStmt;
    Analyzed: TableFunc Var Param Aggref WindowFunc WindowFuncRunCondition SubscriptingRef FuncExpr OpExpr DistinctExpr
        NullIfExpr ScalarArrayOpExpr SubPlan AlternativeSubPlan FieldSelect FieldStore RelabelType CoerceViaIo
        ArrayCoerceExpr ConvertRowtypeExpr CollateExpr CaseTestExpr ArrayExpr RowCompareExpr JsonConstructorExpr
        JsonExpr JsonTablePath JsonTablePathScan JsonTableSiblingJoin MergeAction CoerceToDomain CoerceToDomainValue
        NextValueExpr InferenceElem ReturningExpr TargetEntry RangeTblRef FromExpr OnConflictExpr Query RangeTblEntry
        RtepermissionInfo RangeTblFunction TableSampleClause WithCheckOption SortGroupClause WindowClause RowMarkClause
        SetOperationStmt PlassignStmt InlineCodeBlock CallContext;
}
