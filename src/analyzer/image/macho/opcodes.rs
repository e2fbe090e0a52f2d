//! The bind, lazy-bind and weak-bind streams of LC_DYLD_INFO, and their threaded dialect.
//! It must never unroll a repeated bind: its places are checked as a range, its target is one record.
//! Follows dyld common/MachOLayout.cpp: forEachBind_OpcodesRegular, _OpcodesLazy, _OpcodesWeak, parseOrgArm64eChainedFixups.

use super::binds::{Bind, BindKind, Binds, Context, Ordinal, Source};
use super::facts::{DyldInfo, Range};
use super::fault::{Fault, Part, Problem};
use super::stream::Stream;
use crate::analyzer::image::limits;

const DONE: u8 = 0x00;
const SET_ORDINAL_IMM: u8 = 0x10;
const SET_ORDINAL_ULEB: u8 = 0x20;
const SET_SPECIAL_IMM: u8 = 0x30;
const SET_SYMBOL: u8 = 0x40;
const SET_TYPE: u8 = 0x50;
const SET_ADDEND: u8 = 0x60;
const SET_PLACE: u8 = 0x70;
const ADD_ADDRESS: u8 = 0x80;
const BIND: u8 = 0x90;
const BIND_ADD_ULEB: u8 = 0xa0;
const BIND_ADD_SCALED: u8 = 0xb0;
const BIND_TIMES_SKIPPING: u8 = 0xc0;
const THREADED: u8 = 0xd0;

/// BIND_SYMBOL_FLAGS_WEAK_IMPORT.
const WEAK_IMPORT: u8 = 1;
/// BIND_SYMBOL_FLAGS_NON_WEAK_DEFINITION.
const STRONG: u8 = 8;

/// Reads the three streams in dyld's order. A fault in one ends all: dyld looks at no later one.
pub(super) fn read<'h>(context: &Context<'_, 'h>, info: &DyldInfo) -> Binds<'h> {
    let mut binds = Binds { source: Source::Opcodes, ..Binds::default() };
    let streams =
        [(info.bind, Dialect::REGULAR), (info.lazy_bind, Dialect::LAZY), (info.weak_bind, Dialect::WEAK)];
    for (range, dialect) in streams {
        if let Err(fault) = run(context, range, dialect, &mut binds) {
            binds.fault = Some(fault);
            break;
        }
    }
    binds
}

/// Reads the bind stream of an old arm64e image: a table of imports; the places are chains that it starts.
pub(super) fn read_threaded<'h>(context: &Context<'_, 'h>, info: &DyldInfo) -> Binds<'h> {
    let mut binds = Binds { source: Source::Threaded, ..Binds::default() };
    binds.fault = run(context, info.bind, Dialect::THREADED, &mut binds).err();
    binds
}

/// What one stream may say.
#[derive(Clone, Copy)]
struct Dialect {
    part: Part,
    kind: BindKind,
    /// DONE separates binds instead of ending the stream.
    separated: bool,
    /// Every bind is a target of its own.
    all_targets: bool,
    threaded: bool,
}

impl Dialect {
    const REGULAR: Dialect = Dialect {
        part: Part::Binds,
        kind: BindKind::Regular,
        separated: false,
        all_targets: false,
        threaded: false,
    };
    const LAZY: Dialect = Dialect {
        part: Part::LazyBinds,
        kind: BindKind::Lazy,
        separated: true,
        all_targets: true,
        threaded: false,
    };
    const WEAK: Dialect = Dialect {
        part: Part::WeakBinds,
        kind: BindKind::WeakOverride,
        separated: false,
        all_targets: false,
        threaded: false,
    };
    const THREADED: Dialect = Dialect {
        part: Part::Binds,
        kind: BindKind::Regular,
        separated: false,
        all_targets: true,
        threaded: true,
    };

    fn knows(self, opcode: u8) -> bool {
        match opcode {
            DONE | SET_ORDINAL_IMM | SET_ORDINAL_ULEB | SET_SPECIAL_IMM | SET_SYMBOL | SET_ADDEND
            | SET_PLACE | BIND => true,
            SET_TYPE => self.kind != BindKind::Lazy,
            ADD_ADDRESS | BIND_ADD_ULEB | BIND_ADD_SCALED | BIND_TIMES_SKIPPING => {
                self.kind != BindKind::Lazy && !self.threaded
            }
            THREADED => self.threaded,
            _ => false,
        }
    }
}

/// The registers of the bind machine.
struct State<'h> {
    ordinal: Option<i32>,
    symbol: Option<&'h [u8]>,
    weak_import: bool,
    addend: i64,
    segment: Option<u8>,
    offset: u64,
    /// Symbol or addend is new since the last target.
    fresh: bool,
}

fn run<'h>(
    context: &Context<'_, 'h>,
    range: Range,
    dialect: Dialect,
    binds: &mut Binds<'h>,
) -> Result<(), Fault> {
    if range.size == 0 {
        return Ok(());
    }
    let base = u64::from(range.offset);
    let bytes =
        range.bytes(context.image).ok_or_else(|| Fault::new(dialect.part, base, Problem::OutOfRange))?;
    let mut s = Stream::new(dialect.part, bytes, base);
    let weak = dialect.kind == BindKind::WeakOverride;
    let mut state = State {
        ordinal: weak.then_some(-3),
        symbol: None,
        weak_import: false,
        addend: 0,
        segment: None,
        offset: 0,
        fresh: true,
    };
    let word = context.word();
    while !s.is_empty() {
        let place = s;
        let byte = s.byte()?;
        let (opcode, immediate) = (byte & 0xf0, byte & 0x0f);
        if !dialect.knows(opcode) {
            return Err(place.fault(Problem::BadOpcode(printed(dialect, &s, opcode, immediate))));
        }
        match opcode {
            DONE if dialect.separated => {}
            DONE => return Ok(()),
            SET_ORDINAL_IMM | SET_ORDINAL_ULEB | SET_SPECIAL_IMM if weak => {
                return Err(place.fault(Problem::Ordinal));
            }
            SET_ORDINAL_IMM => state.ordinal = Some(immediate.into()),
            // dyld cuts the number to an int.
            SET_ORDINAL_ULEB => state.ordinal = Some((s.uleb()? & 0xffff_ffff) as u32 as i32),
            SET_SPECIAL_IMM if immediate == 0 => state.ordinal = Some(0),
            SET_SPECIAL_IMM => state.ordinal = Some((0xf0 | immediate).cast_signed().into()),
            SET_SYMBOL => {
                state.weak_import = immediate & WEAK_IMPORT != 0;
                let symbol = s.string()?;
                state.symbol = Some(symbol);
                state.fresh = true;
                if weak && immediate & STRONG != 0 {
                    if binds.strong.len() >= limits::BINDS {
                        return Err(place.fault(Problem::TooMuch));
                    }
                    binds.strong.push(symbol);
                }
            }
            SET_TYPE => {}
            SET_ADDEND => {
                state.addend = s.sleb()?;
                state.fresh = true;
            }
            SET_PLACE => {
                state.segment = Some(immediate);
                state.offset = s.uleb()?;
            }
            ADD_ADDRESS => state.offset = state.offset.wrapping_add(s.uleb()?),
            BIND => state.bind(context, dialect, binds, &place, 1, word)?,
            BIND_ADD_ULEB => {
                // The bind comes before the number is read, and so does what is wrong with it.
                state.bind(context, dialect, binds, &place, 1, word)?;
                state.offset = state.offset.wrapping_add(s.uleb()?);
            }
            BIND_ADD_SCALED => {
                state.bind(context, dialect, binds, &place, 1, word * (u64::from(immediate) + 1))?;
            }
            BIND_TIMES_SKIPPING => {
                let (count, skip) = (s.uleb()?, s.uleb()?);
                state.bind(context, dialect, binds, &place, count, word.wrapping_add(skip))?;
            }
            _ => match immediate {
                0 if s.uleb()? > 0xffff => return Err(place.fault(Problem::TableTooLarge)),
                0 | 1 => {}
                other => return Err(place.fault(Problem::BadSubOpcode(other))),
            },
        }
    }
    Ok(())
}

/// The byte dyld prints for an operation it does not know: not the same one everywhere.
fn printed(dialect: Dialect, next: &Stream<'_>, opcode: u8, immediate: u8) -> u8 {
    match dialect.kind {
        BindKind::Lazy => opcode,
        _ if dialect.threaded => immediate,
        // The pointer has moved on already.
        _ => next.peek().unwrap_or(0),
    }
}

impl<'h> State<'h> {
    /// Binds `count` places, `stride` apart, and moves behind them.
    fn bind(
        &mut self,
        context: &Context<'_, 'h>,
        dialect: Dialect,
        binds: &mut Binds<'h>,
        place: &Stream<'_>,
        count: u64,
        stride: u64,
    ) -> Result<(), Fault> {
        if count == 0 {
            return Ok(());
        }
        let (Some(name), Some(ordinal)) = (self.symbol, self.ordinal) else {
            return Err(place.fault(Problem::Incomplete));
        };
        if !dialect.threaded
            && binds.place_fault.is_none()
            && let Err(problem) = context.check_places(self.segment, self.offset, count, stride)
        {
            binds.place_fault = Some(place.fault(problem));
        }
        let record = Bind {
            name,
            ordinal: Ordinal::of(ordinal),
            weak_import: self.weak_import && dialect.kind != BindKind::WeakOverride,
            addend: self.addend,
            kind: dialect.kind,
        };
        // In the weak stream dyld compares with the target before it: the place of the name, and the addend.
        let fresh = match (dialect.kind, binds.records.last()) {
            (BindKind::WeakOverride, Some(last)) if last.kind == record.kind => {
                !std::ptr::eq(last.name, record.name) || last.addend != record.addend
            }
            _ => self.fresh,
        };
        if dialect.all_targets || fresh {
            if binds.records.len() >= limits::BINDS {
                return Err(place.fault(Problem::TooMuch));
            }
            binds.records.push(record);
        }
        self.fresh = false;
        self.offset = self.offset.wrapping_add(stride.wrapping_mul(count));
        Ok(())
    }
}
