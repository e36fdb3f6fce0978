//! Programs for the kernel's virtual machine (RFC 9669), written instruction by instruction.
//!
//! Compilers for it are not on every machine that builds Handset, and what we need is short. Jumps lead forward only, so
//! that a program ends whatever it is given; the kernel checks the rest when it is loaded.

use std::fmt;

/// A register: the stack ends at `R10`, calls take `R1` to `R5` and give `R0`, and what is kept over a call lies above.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Register {
    R0,
    R1,
    R2,
    R3,
    R4,
    R5,
    R6,
    R7,
    R8,
    R9,
    R10,
}

/// What an operation takes beside its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operand {
    Register(Register),
    /// Extended to 64 bits with its sign.
    Immediate(i32),
}

impl From<Register> for Operand {
    fn from(register: Register) -> Self {
        Self::Register(register)
    }
}

impl From<i32> for Operand {
    fn from(value: i32) -> Self {
        Self::Immediate(value)
    }
}

/// Operations on 64 bits, by their code.
#[derive(Debug, Clone, Copy)]
#[repr(u8)]
pub(super) enum Operation {
    Add = 0x00,
    Subtract = 0x10,
    Multiply = 0x20,
    Or = 0x40,
    And = 0x50,
    ShiftLeft = 0x60,
    ShiftRight = 0x70,
    ExclusiveOr = 0xa0,
    Copy = 0xb0,
}

/// Comparisons of 64 bits without sign, by their code.
#[derive(Debug, Clone, Copy)]
#[repr(u8)]
pub(super) enum Comparison {
    Equal = 0x10,
    Greater = 0x20,
    GreaterOrEqual = 0x30,
    NotEqual = 0x50,
    Less = 0xa0,
    LessOrEqual = 0xb0,
}

/// How much is loaded or stored, by its code.
#[derive(Debug, Clone, Copy)]
#[repr(u8)]
pub(super) enum Width {
    Word = 0x00,
    Half = 0x08,
    Byte = 0x10,
    Double = 0x18,
}

/// Functions of the kernel, by their number in `bpf.h`.
#[derive(Debug, Clone, Copy)]
#[repr(i32)]
pub(super) enum Helper {
    MapLookup = 1,
    KtimeGetNs = 5,
    GetRandom = 7,
    GetProcessorId = 8,
    SkbPullData = 39,
    SkbAdjustRoom = 50,
    RedirectNeigh = 152,
}

/// A place to jump to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Label(usize);

/// What keeps a program from being made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum AssemblerError {
    /// A jump to a label that was never placed.
    #[error("instruction {at} jumps to a place that is nowhere")]
    Nowhere {
        /// Which instruction.
        at: usize,
    },
    /// A jump that does not lead forward, or too far.
    #[error("instruction {at} does not jump forward by at most 32,767")]
    Distance {
        /// Which instruction.
        at: usize,
    },
}

const CLASS_LOAD: u8 = 0x00;
const CLASS_LOAD_FROM_REGISTER: u8 = 0x01;
const CLASS_STORE_IMMEDIATE: u8 = 0x02;
const CLASS_STORE_REGISTER: u8 = 0x03;
const CLASS_ARITHMETIC: u8 = 0x07;
const CLASS_JUMP: u8 = 0x05;
const MODE_MEMORY: u8 = 0x60;
const MODE_ATOMIC: u8 = 0xc0;
const FROM_REGISTER: u8 = 0x08;
const JUMP_ALWAYS: u8 = 0x00;
const JUMP_CALL: u8 = 0x80;
const JUMP_EXIT: u8 = 0x90;
/// In place of the source register: the immediate value is a map's descriptor.
const PSEUDO_MAP: u8 = 1;
/// Compare with `R0`, exchange if equal, and give what was there in `R0`.
const COMPARE_AND_EXCHANGE: i32 = 0xf1;

/// `struct bpf_insn` as a number, on a machine with its lowest byte first.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
pub(super) struct Instruction(u64);

impl Instruction {
    fn new(code: u8, target: Register, source: u8, offset: i16, immediate: i32) -> Self {
        let registers = target as u8 | source << 4;
        Self(
            u64::from(code)
                | u64::from(registers) << 8
                | u64::from(offset as u16) << 16
                | u64::from(immediate as u32) << 32,
        )
    }

    fn with_offset(self, offset: i16) -> Self {
        Self(self.0 & !0xffff_0000 | u64::from(offset as u16) << 16)
    }
}

impl fmt::Debug for Instruction {
    /// As the bytes in memory.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0.swap_bytes())
    }
}

/// A program on its way.
#[derive(Debug, Default)]
pub(super) struct Assembler {
    code: Vec<Instruction>,
    /// Where each label is, once it is placed.
    labels: Vec<Option<usize>>,
    jumps: Vec<(usize, Label)>,
}

impl Assembler {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// A place that is not yet known.
    pub(super) fn label(&mut self) -> Label {
        self.labels.push(None);
        Label(self.labels.len() - 1)
    }

    /// Puts a label before the next instruction.
    pub(super) fn place(&mut self, label: Label) {
        debug_assert!(self.labels[label.0].is_none(), "a label has one place");
        self.labels[label.0] = Some(self.code.len());
    }

    pub(super) fn compute(&mut self, operation: Operation, target: Register, operand: impl Into<Operand>) {
        let code = CLASS_ARITHMETIC | operation as u8;
        self.push_with(code, target, 0, operand.into());
    }

    pub(super) fn copy(&mut self, target: Register, operand: impl Into<Operand>) {
        self.compute(Operation::Copy, target, operand);
    }

    /// All 64 bits, which takes two instructions.
    pub(super) fn set_wide(&mut self, target: Register, value: u64) {
        let code = CLASS_LOAD | Width::Double as u8;
        self.code.push(Instruction::new(code, target, 0, 0, value as u32 as i32));
        self.code.push(Instruction::new(0, Register::R0, 0, 0, (value >> 32) as u32 as i32));
    }

    /// A map, by its descriptor.
    pub(super) fn set_map(&mut self, target: Register, descriptor: i32) {
        let code = CLASS_LOAD | Width::Double as u8;
        self.code.push(Instruction::new(code, target, PSEUDO_MAP, 0, descriptor));
        self.code.push(Instruction::new(0, Register::R0, 0, 0, 0));
    }

    /// Turns 16 bits from the network's order to the machine's or back, and clears the rest.
    pub(super) fn swap16(&mut self, target: Register) {
        self.code.push(Instruction::new(0xdc, target, 0, 0, 16));
    }

    pub(super) fn load(&mut self, width: Width, target: Register, base: Register, offset: i16) {
        let code = CLASS_LOAD_FROM_REGISTER | MODE_MEMORY | width as u8;
        self.code.push(Instruction::new(code, target, base as u8, offset, 0));
    }

    pub(super) fn store(&mut self, width: Width, base: Register, offset: i16, value: impl Into<Operand>) {
        let code = MODE_MEMORY | width as u8;
        self.code.push(match value.into() {
            Operand::Register(source) => {
                Instruction::new(code | CLASS_STORE_REGISTER, base, source as u8, offset, 0)
            }
            Operand::Immediate(value) => {
                Instruction::new(code | CLASS_STORE_IMMEDIATE, base, 0, offset, value)
            }
        });
    }

    /// Puts 64 bits of `value` in place of what is in `R0`, if that is still there; what was there is in `R0` then.
    pub(super) fn exchange_if_same(&mut self, base: Register, offset: i16, value: Register) {
        let code = CLASS_STORE_REGISTER | MODE_ATOMIC | Width::Double as u8;
        self.code.push(Instruction::new(code, base, value as u8, offset, COMPARE_AND_EXCHANGE));
    }

    /// Adds 64 bits of `value` at once, whoever else does the same.
    pub(super) fn add_atomically(&mut self, base: Register, offset: i16, value: Register) {
        let code = CLASS_STORE_REGISTER | MODE_ATOMIC | Width::Double as u8;
        self.code.push(Instruction::new(code, base, value as u8, offset, 0));
    }

    pub(super) fn jump(&mut self, label: Label) {
        self.jumps.push((self.code.len(), label));
        self.code.push(Instruction::new(CLASS_JUMP | JUMP_ALWAYS, Register::R0, 0, 0, 0));
    }

    pub(super) fn jump_if(
        &mut self,
        left: Register,
        comparison: Comparison,
        right: impl Into<Operand>,
        label: Label,
    ) {
        self.jumps.push((self.code.len(), label));
        self.push_with(CLASS_JUMP | comparison as u8, left, 0, right.into());
    }

    pub(super) fn call(&mut self, helper: Helper) {
        self.code.push(Instruction::new(CLASS_JUMP | JUMP_CALL, Register::R0, 0, 0, helper as i32));
    }

    pub(super) fn exit(&mut self) {
        self.code.push(Instruction::new(CLASS_JUMP | JUMP_EXIT, Register::R0, 0, 0, 0));
    }

    /// The program, with its jumps.
    pub(super) fn finish(mut self) -> Result<Vec<Instruction>, AssemblerError> {
        for (at, label) in self.jumps {
            let place = self.labels[label.0].ok_or(AssemblerError::Nowhere { at })?;
            let distance = place.checked_sub(at + 1).and_then(|distance| i16::try_from(distance).ok());
            self.code[at] = self.code[at].with_offset(distance.ok_or(AssemblerError::Distance { at })?);
        }
        Ok(self.code)
    }

    fn push_with(&mut self, code: u8, target: Register, offset: i16, operand: Operand) {
        self.code.push(match operand {
            Operand::Register(source) => {
                Instruction::new(code | FROM_REGISTER, target, source as u8, offset, 0)
            }
            Operand::Immediate(value) => Instruction::new(code, target, 0, offset, value),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::Register::{R0, R1, R2, R6, R7, R9, R10};
    use super::*;

    fn bytes(write: impl FnOnce(&mut Assembler)) -> String {
        let mut program = Assembler::new();
        write(&mut program);
        program.finish().expect("complete").iter().map(|one| format!("{one:?} ")).collect()
    }

    /// Expected: what `llvm-mc --triple=bpfel --show-encoding` makes of the text beside each.
    #[test]
    fn instructions_are_those_of_the_standard() {
        type Write = fn(&mut Assembler);
        let cases: [(&str, Write, &str); 18] = [
            ("r6 = r1", |a| a.copy(R6, R1), "bf16000000000000 "),
            ("r0 = -1", |a| a.copy(R0, -1), "b7000000ffffffff "),
            ("r9 += r7", |a| a.compute(Operation::Add, R9, R7), "0f79000000000000 "),
            ("r9 -= 28", |a| a.compute(Operation::Subtract, R9, 28), "170900001c000000 "),
            ("r2 *= r1", |a| a.compute(Operation::Multiply, R2, R1), "2f12000000000000 "),
            ("r2 &= 240", |a| a.compute(Operation::And, R2, 240), "57020000f0000000 "),
            ("r2 ^= -1", |a| a.compute(Operation::ExclusiveOr, R2, -1), "a7020000ffffffff "),
            ("r2 <<= 16", |a| a.compute(Operation::ShiftLeft, R2, 16), "6702000010000000 "),
            ("r2 >>= 16", |a| a.compute(Operation::ShiftRight, R2, 16), "7702000010000000 "),
            ("r2 = be16 r2", |a| a.swap16(R2), "dc02000010000000 "),
            ("r2 = *(u16 *)(r7 + 34)", |a| a.load(Width::Half, R2, R7, 34), "6972220000000000 "),
            ("*(u64 *)(r10 - 8) = r2", |a| a.store(Width::Double, R10, -8, R2), "7b2af8ff00000000 "),
            ("*(u32 *)(r10 - 4) = 7", |a| a.store(Width::Word, R10, -4, 7), "620afcff07000000 "),
            ("r0 = cmpxchg_64(r9 + 0, r0, r2)", |a| a.exchange_if_same(R9, 0, R2), "db290000f1000000 "),
            ("lock *(u64 *)(r9 + 8) += r2", |a| a.add_atomically(R9, 8, R2), "db29080000000000 "),
            ("r1 = 0x100000002 ll", |a| a.set_wide(R1, 0x1_0000_0002), "1801000002000000 0000000001000000 "),
            ("call 1", |a| a.call(Helper::MapLookup), "8500000001000000 "),
            ("exit", Assembler::exit, "9500000000000000 "),
        ];
        for (text, write, expected) in cases {
            assert_eq!(bytes(write), expected, "{text}");
        }
        assert_eq!(bytes(|a| a.set_map(R1, 5)), "1811000005000000 0000000000000000 ");
    }

    #[test]
    fn jumps_lead_to_their_labels() {
        let text = bytes(|a| {
            let end = a.label();
            a.jump_if(R2, Comparison::Greater, R1, end);
            a.jump_if(R2, Comparison::NotEqual, 8, end);
            a.jump(end);
            a.copy(R0, 0);
            a.place(end);
            a.exit();
        });
        assert_eq!(
            text,
            "2d12030000000000 5502020008000000 0500010000000000 b700000000000000 9500000000000000 "
        );
    }

    #[test]
    fn a_jump_to_nowhere_or_backwards_is_refused() {
        let mut program = Assembler::new();
        let nowhere = program.label();
        program.jump(nowhere);
        assert_eq!(program.finish(), Err(AssemblerError::Nowhere { at: 0 }));
        let mut program = Assembler::new();
        let start = program.label();
        program.place(start);
        program.copy(R0, 0);
        program.jump(start);
        assert_eq!(program.finish(), Err(AssemblerError::Distance { at: 1 }));
    }
}
