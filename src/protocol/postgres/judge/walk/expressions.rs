//! Expressions: columns, operators, function calls.

use pg_query::NodeEnum;
use pg_query::protobuf::{AExprKind, ColumnRef, FuncCall, Node};

use super::super::functions::{self, Call};
use super::super::settings::{self, Change};
use super::looked;
use super::parts::{Part, parts};
use super::{Place, Walk, Written, documents, names};
use crate::domain::command::Class;
use crate::domain::sql::{Channel, Function, NameAction, Object, Setting, Verb};

impl<'t> Walk<'t> {
    #[expect(clippy::too_many_lines, reason = "one arm for each kind of node")]
    pub(super) fn expression(&mut self, node: &'t NodeEnum, place: &Place<'t>) {
        match node {
            NodeEnum::ColumnRef(column) => self.column(column, place),
            NodeEnum::FuncCall(call) => self.call(call, place),
            NodeEnum::AExpr(expression) => {
                parts!(expression.as_ref() => self, place; AExpr {
                    walk: ;
                    keep: kind name lexpr rexpr;
                    skip: rexpr_list_start rexpr_list_end location
                });
                let (left, right) = documents::operands(expression);
                let stands = looked::sides(expression, place);
                let side = |takes, stand| Place { stand, ..place.taken(place.takes.filter(|_| takes)) };
                rexpr.walk(self, &side(right, stands.1));
                lexpr.walk(self, &side(left, stands.0));
                match AExprKind::try_from(*kind) {
                    Ok(
                        AExprKind::AexprBetween
                        | AExprKind::AexprNotBetween
                        | AExprKind::AexprBetweenSym
                        | AExprKind::AexprNotBetweenSym,
                    ) => ["<", "<=", ">", ">="].into_iter().for_each(|name| self.known_operator(name)),
                    _ => self.operator(name),
                }
            }
            NodeEnum::SubLink(link) => {
                parts!(link.as_ref() => self, place; SubLink {
                    walk: testexpr;
                    keep: oper_name;
                    skip: xpr sub_link_type sub_link_id subselect location
                });
                self.sub_link(link, place);
                if !oper_name.is_empty() {
                    self.operator(oper_name);
                } else if link.testexpr.is_some() {
                    self.known_operator("=");
                }
            }
            NodeEnum::BoolExpr(expression) => {
                parts!(expression.as_ref() => self, place; BoolExpr { walk: args; skip: xpr boolop location });
            }
            NodeEnum::CaseExpr(case) => {
                parts!(case.as_ref() => self, place; CaseExpr {
                    walk: arg args defresult;
                    skip: xpr casetype casecollid location
                });
                if case.arg.is_some() {
                    self.known_operator("=");
                }
            }
            NodeEnum::CaseWhen(when) => {
                parts!(when.as_ref() => self, place; CaseWhen { walk: expr result; skip: xpr location });
            }
            NodeEnum::RowExpr(row) => {
                parts!(row.as_ref() => self, place; RowExpr {
                    walk: args;
                    skip: xpr row_typeid row_format colnames location
                });
            }
            NodeEnum::CoalesceExpr(expression) => {
                parts!(expression.as_ref() => self, place; CoalesceExpr {
                    walk: args;
                    skip: xpr coalescetype coalescecollid location
                });
            }
            NodeEnum::MinMaxExpr(expression) => {
                parts!(expression.as_ref() => self, place; MinMaxExpr {
                    walk: args;
                    skip: xpr minmaxtype minmaxcollid inputcollid op location
                });
            }
            NodeEnum::GroupingFunc(function) => {
                parts!(function.as_ref() => self, place; GroupingFunc {
                    walk: args refs;
                    skip: xpr agglevelsup location
                });
            }
            NodeEnum::NullTest(test) => {
                parts!(test.as_ref() => self, place; NullTest {
                    walk: arg;
                    skip: xpr nulltesttype argisrow location
                });
            }
            NodeEnum::BooleanTest(test) => {
                parts!(test.as_ref() => self, place; BooleanTest { walk: arg; skip: xpr booltesttype location });
            }
            NodeEnum::TypeCast(cast) => {
                parts!(cast.as_ref() => self, place; TypeCast { walk: arg; keep: type_name; skip: location });
                type_name.walk(self, &place.taken(None));
            }
            NodeEnum::CollateClause(clause) => clause.walk(self, place),
            NodeEnum::NamedArgExpr(argument) => {
                parts!(argument.as_ref() => self, place; NamedArgExpr {
                    walk: arg;
                    skip: xpr name argnumber location
                });
            }
            NodeEnum::AIndices(indices) => {
                parts!(indices.as_ref() => self, place; AIndices { walk: lidx uidx; skip: is_slice });
            }
            NodeEnum::AIndirection(indirection) => self.indirection(indirection, place),
            NodeEnum::AArrayExpr(array) => {
                parts!(array => self, place; AArrayExpr { walk: elements; skip: list_start list_end location });
            }
            NodeEnum::CurrentOfExpr(current) => {
                parts!(current.as_ref(); CurrentOfExpr { keep: cursor_name; skip: xpr cvarno cursor_param });
                self.name(NameAction::Position, cursor_name);
            }
            _ => self.misplaced(node),
        }
    }

    fn column(&mut self, column: &'t ColumnRef, place: &Place<'t>) {
        parts!(column; ColumnRef { keep: ; skip: fields location });
        let Some(Written { qualifier, name }) = looked::written(column) else { return };
        if let (Some(_), Some(name)) = (qualifier, name) {
            self.attribute(name);
            if functions::tells_row(name) {
                self.reads(Written { qualifier, name: None }, place);
            }
        }
        self.stands(Written { qualifier, name }, place);
    }

    /// Notes that `x.f` and `(x).f` are calls of `f` if there is no such column.
    fn attribute(&mut self, name: &str) {
        if let Some(known) = functions::attribute(name) {
            self.called(known, names::object("", name), 1);
        }
        if functions::takes_sequence(None, name) {
            self.effects.sequences.insert(None);
        }
    }

    fn indirection(&mut self, indirection: &'t pg_query::protobuf::AIndirection, place: &Place<'t>) {
        parts!(indirection => self, place; AIndirection { walk: arg; keep: indirection; skip: });
        for step in indirection {
            match &step.node {
                Some(NodeEnum::AStar(_)) => {
                    self.reads(Written { qualifier: None, name: None }, place);
                }
                Some(NodeEnum::String(field)) => {
                    self.attribute(&field.sval);
                    self.effects.applied.insert(field.sval.as_str().into());
                    self.reads(Written { qualifier: None, name: Some(&field.sval) }, place);
                }
                _ => step.walk(self, place),
            }
        }
    }

    pub(super) fn operator(&mut self, name: &[Node]) {
        let Some((schema, name)) = names::qualified(name) else {
            self.class(Class::Unknown, || "uses an operator without a name".into());
            return;
        };
        let object = names::object(schema.unwrap_or_default(), name);
        if !functions::known_operator(schema, name) {
            self.reason(Class::Unknown, || format!("uses the operator {object}").into());
            self.effects.opaque.insert(Function { object: object.clone(), arguments: 2 });
        }
        self.effects.operators.insert(object);
    }

    /// Notes an operator that the server looks up by name although the SQL does not show it.
    pub(super) fn known_operator(&mut self, name: &str) {
        self.effects.operators.insert(names::object("", name));
    }

    pub(super) fn call(&mut self, call: &'t FuncCall, place: &Place<'t>) {
        let rest = Place { stand: place.stand.below(), ..place.taken(None) };
        parts!(call => self, &rest; FuncCall {
            walk: agg_filter over;
            keep: agg_order funcname args agg_within_group;
            skip: agg_star agg_distinct func_variadic funcformat location
        });
        agg_order.walk(self, &rest);
        if let Some((first, others)) = args.split_first() {
            others.iter().rev().for_each(|argument| argument.walk(self, &rest));
            first.walk(self, &rest.taken(place.takes.filter(|_| documents::keeps_first(call))));
        }
        let Some((schema, name)) = names::qualified(funcname) else {
            self.class(Class::Unknown, || "calls something without a name".into());
            return;
        };
        let object = names::object(schema.unwrap_or_default(), name);
        self.look_at_call(&object, place.stand);
        let known = functions::call(schema, name);
        // The expressions in `WITHIN GROUP (ORDER BY …)` are arguments, too.
        let within = if *agg_within_group { agg_order.len() } else { 0 };
        let arguments = args.len().saturating_add(within);
        match known {
            Call::SetConfig => {
                self.set_config(args, place);
                self.effects.functions.insert(Function { object, arguments });
            }
            _ => self.called(known, object, arguments),
        }
        if functions::takes_sequence(schema, name) {
            self.effects.sequences.insert(args.first().and_then(names::sequence));
        }
        if known == Call::Writes && name == "pg_notify" {
            let name = args.first().and_then(names::constant);
            self.effects.channels.insert(Channel { sends: true, name: name.map(Into::into) });
        }
    }

    /// Notes a call, by what is known of the function.
    fn called(&mut self, known: Call, object: Object, arguments: usize) {
        match known {
            Call::Safe | Call::Releases => self.class(Class::Read, || "".into()),
            Call::Opaque => self.opaque(object.clone(), arguments),
            Call::Writes | Call::Locks | Call::Dangerous | Call::SetConfig => {
                self.class(known.class(), || format!("calls {object}").into());
            }
        }
        self.effects.locks |= known == Call::Locks;
        self.effects.functions.insert(Function { object, arguments });
    }

    /// Notes a call of an unknown function.
    pub(super) fn opaque(&mut self, object: Object, arguments: usize) {
        self.reason(Class::Unknown, || format!("calls {object}").into());
        self.effects.opaque.insert(Function { object, arguments });
    }

    /// Judges `set_config(name, value, local)`, which is a `SET`; a `NULL` value resets.
    fn set_config(&mut self, args: &[Node], place: &Place<'t>) {
        self.effects.verbs.insert(Verb::Set);
        // Named arguments may come in any order, so they are not read.
        let value = args.get(1).and_then(names::constant);
        // A computed name is known in one case only: in the exact text that `pg_dump` begins with.
        let restricts = place.restricts && value.as_deref() == Some(settings::RESTRICTED);
        let name = match args.first() {
            Some(name) if restricts && names::is_name(name) => Some(settings::RESTRICTS.to_owned()),
            name => name.and_then(names::constant).map(|name| settings::named(&name)),
        };
        match &name {
            Some(name) => {
                let change = value.as_deref().map_or(Change::Computed, Change::To);
                self.class(settings::class(name, change), || format!("sets {name}").into());
            }
            None => self.class(Call::SetConfig.class(), || "sets a setting whose name is computed".into()),
        }
        self.effects.settings.insert(Setting { name: name.map(Into::into), value: value.map(Into::into) });
    }
}
