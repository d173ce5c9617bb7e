//! The part of Python's pickle format that PyTorch checkpoints use, read as data.
//!
//! A pickle is a program for a stack machine. This one knows no function: the few names that a
//! checkpoint calls (a dictionary, a tensor, a parameter) become plain values, any other call is an
//! error. Every opcode makes at most one value, values are counted, so input bounds memory.
//! Spec: the opcode table of CPython's `pickletools`; `torch.save` writes protocol 2.
#![forbid(unsafe_code)]

use super::error::Error;
use std::collections::HashMap;

/// Values of the largest published checkpoint: about 7000.
const MAX_OBJECTS: usize = 1 << 20;
/// No tensor of a network has more axes.
const MAX_RANK: usize = 8;

/// Index of a value.
pub(super) type Id = usize;

/// A value that the pickle describes.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Object {
    /// None, floats and the state of objects that are of no use here.
    Opaque,
    Int(i64),
    Text(String),
    /// Module and name of a function or class, joined by a dot.
    Global(String),
    Tuple(Vec<Id>),
    List(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    /// A run of numbers in a file of the archive; `kind` is the storage class.
    Storage {
        kind: String,
        key: String,
    },
    /// A view of a storage.
    Tensor {
        storage: Id,
        offset: usize,
        shape: Vec<usize>,
        stride: Vec<usize>,
    },
}

/// All values of a pickle, and which one it stands for.
#[derive(Debug)]
pub(super) struct Pickle {
    pub(super) objects: Vec<Object>,
    pub(super) root: Id,
}

impl Pickle {
    /// Runs the program.
    pub(super) fn parse(input: &[u8]) -> Result<Self, Error> {
        let mut machine = Machine { input, ..Machine::default() };
        loop {
            if let Some(root) = machine.step()? {
                return Ok(Self { objects: machine.objects, root });
            }
        }
    }
}

#[derive(Default)]
struct Machine<'a> {
    input: &'a [u8],
    at: usize,
    objects: Vec<Object>,
    stack: Vec<Id>,
    /// Heights of the stack at open MARKs.
    marks: Vec<usize>,
    memo: HashMap<u64, Id>,
}

impl<'a> Machine<'a> {
    fn error(&self, what: impl Into<String>) -> Error {
        Error::Pickle { at_byte: self.at, what: what.into() }
    }

    fn bytes(&mut self, count: usize) -> Result<&'a [u8], Error> {
        let rest = &self.input[self.at..];
        let Some(taken) = rest.get(..count) else {
            return Err(self.error(format!("ends {} bytes early", count - rest.len())));
        };
        self.at += count;
        Ok(taken)
    }

    /// Little-endian and unsigned, up to 8 bytes.
    fn number(&mut self, count: usize) -> Result<u64, Error> {
        let bytes = self.bytes(count)?;
        Ok(bytes.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte)))
    }

    fn text(&mut self, count: u64) -> Result<String, Error> {
        let count = usize::try_from(count).map_err(|_| self.error("a text longer than memory"))?;
        let bytes = self.bytes(count)?.to_vec();
        String::from_utf8(bytes).map_err(|_| self.error("a text that is not UTF-8"))
    }

    /// Up to the end of the line, as the opcodes of protocol 0 have it.
    fn line(&mut self) -> Result<String, Error> {
        let rest = &self.input[self.at..];
        let Some(length) = rest.iter().position(|&byte| byte == b'\n') else {
            return Err(self.error("a line without end"));
        };
        let line = self.text(length as u64)?;
        self.at += 1;
        Ok(line)
    }

    fn push(&mut self, object: Object) -> Result<(), Error> {
        if self.objects.len() == MAX_OBJECTS {
            return Err(self.error(format!("more than {MAX_OBJECTS} values")));
        }
        self.stack.push(self.objects.len());
        self.objects.push(object);
        Ok(())
    }

    fn pop(&mut self) -> Result<Id, Error> {
        let floor = self.marks.last().copied().unwrap_or(0);
        match self.stack.pop() {
            Some(id) if self.stack.len() >= floor => Ok(id),
            _ => Err(self.error("takes a value off an empty stack")),
        }
    }

    fn top(&self) -> Result<Id, Error> {
        self.stack.last().copied().ok_or_else(|| self.error("needs a value on an empty stack"))
    }

    fn pop_to_mark(&mut self) -> Result<Vec<Id>, Error> {
        let Some(mark) = self.marks.pop() else { return Err(self.error("no mark on the stack")) };
        Ok(self.stack.split_off(mark))
    }

    fn pop_many(&mut self, count: usize) -> Result<Vec<Id>, Error> {
        let mut ids = (0..count).map(|_| self.pop()).collect::<Result<Vec<Id>, Error>>()?;
        ids.reverse();
        Ok(ids)
    }

    fn remember(&mut self, key: u64) -> Result<(), Error> {
        let id = self.top()?;
        self.memo.insert(key, id);
        Ok(())
    }

    fn recall(&mut self, key: u64) -> Result<(), Error> {
        let id = self.memo.get(&key).copied();
        let id = id.ok_or_else(|| self.error(format!("recalls {key}, which was not stored")))?;
        self.stack.push(id);
        Ok(())
    }

    /// One opcode; the root at the last one.
    fn step(&mut self) -> Result<Option<Id>, Error> {
        let opcode = self.bytes(1)?[0];
        match opcode {
            0x80 => _ = self.bytes(1)?,                // PROTO
            0x95 => _ = self.bytes(8)?,                // FRAME
            b'(' => self.marks.push(self.stack.len()), // MARK
            b'}' => self.push(Object::Dict(vec![]))?,  // EMPTY_DICT
            b']' => self.push(Object::List(vec![]))?,  // EMPTY_LIST
            b')' => self.push(Object::Tuple(vec![]))?, // EMPTY_TUPLE
            b'N' => self.push(Object::Opaque)?,        // NONE
            0x88 => self.push(Object::Int(1))?,        // NEWTRUE
            0x89 => self.push(Object::Int(0))?,        // NEWFALSE
            b'K' => self.integer(1)?,                  // BININT1
            b'M' => self.integer(2)?,                  // BININT2
            b'J' => self.signed(4)?,                   // BININT
            0x8a => {
                let count = self.number(1)?; // LONG1
                if count > 8 {
                    return Err(self.error(format!("an integer of {count} bytes")));
                }
                self.signed(count as usize)?;
            }
            b'G' => {
                self.bytes(8)?; // BINFLOAT
                self.push(Object::Opaque)?;
            }
            0x8c => self.unicode(1)?, // SHORT_BINUNICODE
            b'X' => self.unicode(4)?, // BINUNICODE
            b'q' | b'r' => {
                let key = self.number(if opcode == b'q' { 1 } else { 4 })?; // BINPUT, LONG_BINPUT
                self.remember(key)?;
            }
            0x94 => self.remember(self.memo.len() as u64)?, // MEMOIZE
            b'h' | b'j' => {
                let key = self.number(if opcode == b'h' { 1 } else { 4 })?; // BINGET, LONG_BINGET
                self.recall(key)?;
            }
            b't' => {
                let items = self.pop_to_mark()?; // TUPLE
                self.push(Object::Tuple(items))?;
            }
            0x85..=0x87 => {
                let items = self.pop_many(usize::from(opcode) - 0x84)?; // TUPLE1 to TUPLE3
                self.push(Object::Tuple(items))?;
            }
            b'c' => {
                let (module, name) = (self.line()?, self.line()?); // GLOBAL
                self.push(Object::Global(format!("{module}.{name}")))?;
            }
            0x93 => self.stack_global()?, // STACK_GLOBAL
            b'Q' => self.persistent()?,   // BINPERSID
            b'R' => self.reduce()?,       // REDUCE
            b'b' => _ = self.pop()?,      // BUILD: attributes of a dictionary
            b's' | b'u' => {
                let items = if opcode == b's' { self.pop_many(2)? } else { self.pop_to_mark()? }; // SETITEM(S)
                self.set_items(&items)?;
            }
            b'a' | b'e' => {
                let items = if opcode == b'a' { self.pop_many(1)? } else { self.pop_to_mark()? }; // APPEND(S)
                match self.top().map(|id| &mut self.objects[id])? {
                    Object::List(list) => list.extend(items),
                    _ => return Err(self.error("appends to what is no list")),
                }
            }
            b'.' => return self.pop().map(Some), // STOP
            _ => return Err(self.error(format!("opcode {opcode:#04x}, which no checkpoint uses"))),
        }
        Ok(None)
    }

    fn integer(&mut self, count: usize) -> Result<(), Error> {
        let number = self.number(count)?;
        self.push(Object::Int(number as i64))
    }

    fn signed(&mut self, count: usize) -> Result<(), Error> {
        let number = self.number(count)? as i64;
        let unused = 64 - 8 * count as u32;
        self.push(Object::Int(if count == 0 { 0 } else { number << unused >> unused }))
    }

    fn unicode(&mut self, count: usize) -> Result<(), Error> {
        let length = self.number(count)?;
        let text = self.text(length)?;
        self.push(Object::Text(text))
    }

    fn stack_global(&mut self) -> Result<(), Error> {
        let items = self.pop_many(2)?;
        let (Object::Text(module), Object::Text(name)) = (&self.objects[items[0]], &self.objects[items[1]])
        else {
            return Err(self.error("a name that is no text"));
        };
        self.push(Object::Global(format!("{module}.{name}")))
    }

    /// `("storage", class, key, device, length)`: numbers in a file of their own.
    fn persistent(&mut self) -> Result<(), Error> {
        let id = self.pop()?;
        let Object::Tuple(items) = &self.objects[id] else {
            return Err(self.error("a reference that is no tuple"));
        };
        let parts: Vec<&Object> = items.iter().map(|&item| &self.objects[item]).collect();
        let [Object::Text(tag), Object::Global(kind), Object::Text(key), ..] = parts[..] else {
            return Err(self.error("a reference to something other than a storage"));
        };
        if tag != "storage" {
            return Err(self.error(format!("a reference to {tag:?}, not to a storage")));
        }
        let storage = Object::Storage { kind: kind.clone(), key: key.clone() };
        self.push(storage)
    }

    fn reduce(&mut self) -> Result<(), Error> {
        let (arguments, callee) = (self.pop()?, self.pop()?);
        let (Object::Global(name), Object::Tuple(arguments)) =
            (&self.objects[callee], &self.objects[arguments])
        else {
            return Err(self.error("calls what is no name"));
        };
        match (name.as_str(), arguments.as_slice()) {
            ("collections.OrderedDict", []) => self.push(Object::Dict(vec![])),
            ("torch._utils._rebuild_parameter", &[data, ..]) => {
                self.stack.push(data);
                Ok(())
            }
            ("torch._utils._rebuild_tensor_v2", &[storage, offset, shape, stride, ..]) => {
                let shape = self.extents(shape)?;
                let stride = self.extents(stride)?;
                let offset = self.extent(offset)?;
                if !matches!(self.objects[storage], Object::Storage { .. }) || shape.len() != stride.len() {
                    return Err(self.error("a tensor without storage or with odd strides"));
                }
                self.push(Object::Tensor { storage, offset, shape, stride })
            }
            (name, _) => Err(self.error(format!("calls {name}, which no weights file needs"))),
        }
    }

    fn extents(&self, id: Id) -> Result<Vec<usize>, Error> {
        match &self.objects[id] {
            Object::Tuple(items) if items.len() <= MAX_RANK => {
                items.iter().map(|&item| self.extent(item)).collect()
            }
            _ => Err(self.error("a shape that is no short tuple")),
        }
    }

    fn extent(&self, id: Id) -> Result<usize, Error> {
        match self.objects[id] {
            Object::Int(extent) => usize::try_from(extent).ok(),
            _ => None,
        }
        .ok_or_else(|| self.error("an extent that is no natural number"))
    }

    fn set_items(&mut self, items: &[Id]) -> Result<(), Error> {
        let pairs = items.chunks_exact(2);
        if !pairs.remainder().is_empty() {
            return Err(self.error("a key without value"));
        }
        match self.top().map(|id| &mut self.objects[id])? {
            Object::Dict(entries) => entries.extend(pairs.map(|pair| (pair[0], pair[1]))),
            _ => return Err(self.error("sets an item of what is no dictionary")),
        }
        Ok(())
    }
}
