// SPDX-License-Identifier: Apache-2.0

package pickle

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"strconv"
	"strings"

	"github.com/parallax-ssl/parallax/internal/printable"
)

// Limits of a pickle, far above those of any network's: a ResNet-50 with its optimiser takes 20,000 instructions. An
// instruction takes at most some 200 bytes of memory.
const (
	MaxInstructions = 4 << 20
	MaxText         = 64 << 20 // bytes of all texts and bytes together
	maxName         = 1 << 10  // bytes of a global's name, and of a number's digits
)

// A Use says how often a pickle names a global, and whether Python would call it.
type Use struct {
	Global
	Times  int
	Called bool
}

// Pickle is what a pickle holds.
type Pickle struct {
	Value any
	Uses  []Use // in the order of their first appearance
}

// Decode reads one pickle from r, which is left at its end. left is the number of bytes that r has: nothing longer is
// believed. It runs nothing; see the package's documentation.
func Decode(r *bufio.Reader, left int64) (*Pickle, error) {
	d := &decoder{r: r, left: left, memo: map[int]any{}, uses: map[Global]int{}}
	if err := d.run(); err != nil {
		return nil, fmt.Errorf("reading the pickle, instruction %d: %w", d.instructions, err)
	}
	return &Pickle{d.stack[0], d.list}, nil
}

// widths are the bytes of the number after an instruction: a value, a length or a place of the memo.
var widths = map[byte]int{
	'K': 1, 'M': 2, 'J': 4, 0x8a: 1, 0x8b: 4, // BININT1, BININT2, BININT, LONG1, LONG4
	'U': 1, 'T': 4, // SHORT_BINSTRING, BINSTRING
	'C': 1, 'B': 4, 0x8e: 8, 0x96: 8, // SHORT_BINBYTES, BINBYTES, BINBYTES8, BYTEARRAY8
	0x8c: 1, 'X': 4, 0x8d: 8, // SHORT_BINUNICODE, BINUNICODE, BINUNICODE8
	'q': 1, 'r': 4, 'h': 1, 'j': 4, // BINPUT, LONG_BINPUT, BINGET, LONG_BINGET
	0x82: 1, 0x83: 2, 0x84: 4, // EXT1, EXT2, EXT4
}

// arity is how many values an instruction takes off the stack.
var arity = map[byte]int{')': 0, 0x85: 1, 0x86: 2, 0x87: 3, 'a': 1, 's': 2}

// literals are the classes of what an instruction makes.
var literals = map[byte]Global{']': List, 'l': List, '}': Dict, 0x8f: Set, 0x91: {"builtins", "frozenset"}}

var groups = []func(*decoder, byte) (known bool, err error){
	(*decoder).number, (*decoder).str, (*decoder).container, (*decoder).object, (*decoder).place,
}

// mark is on the stack where a group of values begins.
type mark struct{}

type decoder struct {
	r            *bufio.Reader
	left         int64 // bytes that may still be read
	text         int64 // bytes of texts so far
	instructions int
	stack        []any
	memo         map[int]any
	uses         map[Global]int // indices in list
	list         []Use
}

var (
	errShort = errors.New("the pickle ends too early: the file is truncated or damaged")
	errStack = errors.New("an instruction finds no value to work on: the file is damaged")
)

func (d *decoder) run() error {
	for {
		op, err := d.byte()
		if err != nil {
			return err
		}
		if d.instructions++; d.instructions > MaxInstructions {
			return fmt.Errorf("it has more than %d instructions: this is no checkpoint of a network", MaxInstructions)
		}
		if op == '.' {
			if len(d.stack) != 1 || d.stack[0] == (mark{}) {
				return errors.New("it does not end with one value: the file is damaged")
			}
			return nil
		}
		if err := d.step(op); err != nil {
			return err
		}
	}
}

// step executes one instruction other than STOP.
func (d *decoder) step(op byte) error {
	for _, group := range groups {
		if known, err := group(d, op); known || err != nil {
			return err
		}
	}
	return fmt.Errorf("byte %#02x is no instruction: this is not a pickle, or it is damaged", op)
}

// number executes the instructions that push None, a bool or a number.
func (d *decoder) number(op byte) (known bool, err error) {
	switch op {
	case 'N':
		d.push(nil)
	case 0x88, 0x89: // NEWTRUE, NEWFALSE
		d.push(op == 0x88)
	case 'K', 'M', 'J': // BININT1, BININT2, BININT
		n, err := d.little(widths[op])
		if op == 'J' {
			n = uint64(int32(n))
		}
		d.push(int64(n))
		return true, err
	case 'G': // BINFLOAT, the one number in big-endian order
		b, err := d.bytes(8)
		if err != nil {
			return true, err
		}
		d.push(math.Float64frombits(binary.BigEndian.Uint64(b)))
	case 0x8a, 0x8b: // LONG1, LONG4
		n, err := d.little(widths[op])
		if err != nil {
			return true, err
		}
		if n > maxName {
			return true, fmt.Errorf("it has an integer of %d bytes", n)
		}
		b, err := d.bytes(int64(n))
		d.push(integer(b))
		return true, err
	case 'I', 'L', 'F': // INT, LONG, FLOAT: text
		line, err := d.line()
		if err != nil {
			return true, err
		}
		v, err := parseNumber(op, line)
		d.push(v)
		return true, err
	default:
		return false, nil
	}
	return true, nil
}

// integer returns a two's complement little-endian number.
func integer(b []byte) any {
	v := new(big.Int)
	for i := len(b) - 1; i >= 0; i-- {
		v.Lsh(v, 8).Or(v, big.NewInt(int64(b[i])))
	}
	if len(b) > 0 && b[len(b)-1]&0x80 != 0 {
		v.Sub(v, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
	}
	return short(v)
}

// short is v as an int64 if it fits.
func short(v *big.Int) any {
	if v.IsInt64() {
		return v.Int64()
	}
	return v
}

func parseNumber(op byte, line string) (any, error) {
	switch {
	case op == 'F':
		if f, err := strconv.ParseFloat(line, 64); err == nil || errors.Is(err, strconv.ErrRange) {
			return f, nil
		}
	case op == 'I' && (line == "00" || line == "01"):
		return line == "01", nil
	default:
		if v, ok := new(big.Int).SetString(strings.TrimSuffix(line, "L"), 10); ok {
			return short(v), nil
		}
	}
	return nil, fmt.Errorf("%s is no number", printable.Short(line))
}

// str executes the instructions that push a text or bytes.
func (d *decoder) str(op byte) (known bool, err error) {
	switch op {
	case 'U', 'T', 'C', 'B', 0x8e, 0x96, 0x8c, 'X', 0x8d:
		n, err := d.little(widths[op])
		if err != nil {
			return true, err
		}
		if n > math.MaxInt64 {
			return true, errShort
		}
		b, err := d.bytes(int64(n))
		if op == 'C' || op == 'B' || op == 0x8e || op == 0x96 {
			d.push(b)
		} else {
			d.push(string(b))
		}
		return true, err
	case 'S', 'V': // STRING, UNICODE: text, whose escapes are kept as they are
		line, err := d.line()
		if op == 'S' {
			line = strings.Trim(line, `'"`)
		}
		d.push(line)
		return true, err
	}
	return false, nil
}

// container executes the instructions that make and fill tuples, lists, dicts and sets.
func (d *decoder) container(op byte) (known bool, err error) {
	switch op {
	case ')', 0x85, 0x86, 0x87: // EMPTY_TUPLE, TUPLE1, TUPLE2, TUPLE3
		items, err := d.pop(arity[op])
		d.push(Tuple(items))
		return true, err
	case 't': // TUPLE
		items, err := d.group()
		d.push(Tuple(items))
		return true, err
	case ']', '}', 0x8f: // EMPTY_LIST, EMPTY_DICT, EMPTY_SET
		d.push(&Object{Class: literals[op]})
	case 'l', 0x91: // LIST, FROZENSET
		items, err := d.group()
		d.push(&Object{Class: literals[op], Items: items})
		return true, err
	case 'd': // DICT
		items, err := d.group()
		o := &Object{Class: Dict}
		d.push(o)
		return true, errors.Join(err, o.set(items))
	case 'a', 's': // APPEND, SETITEM
		items, err := d.pop(arity[op])
		if err != nil {
			return true, err
		}
		return true, d.extend(op == 's', items)
	case 'e', 'u', 0x90: // APPENDS, SETITEMS, ADDITEMS
		items, err := d.group()
		if err != nil {
			return true, err
		}
		return true, d.extend(op == 'u', items)
	default:
		return false, nil
	}
	return true, nil
}

// extend adds items to the object on top of the stack.
func (d *decoder) extend(pairs bool, items []any) error {
	o, err := d.top()
	if err != nil {
		return err
	}
	if pairs {
		return o.set(items)
	}
	o.Items = append(o.Items, items...)
	return nil
}

func (o *Object) set(pairs []any) error {
	if len(pairs)%2 != 0 {
		return errStack
	}
	for i := 0; i < len(pairs); i += 2 {
		o.Entries = append(o.Entries, Entry{pairs[i], pairs[i+1]})
	}
	return nil
}

// top returns the object on top of the stack.
func (d *decoder) top() (*Object, error) {
	if len(d.stack) == 0 {
		return nil, errStack
	}
	o, ok := d.stack[len(d.stack)-1].(*Object)
	if !ok {
		return nil, errors.New("an instruction fills a value that holds no others: the file is damaged")
	}
	return o, nil
}

// object executes the instructions with which Python looks functions up and calls them. They only take notes.
func (d *decoder) object(op byte) (known bool, err error) {
	switch op {
	case 'c': // GLOBAL
		g, err := d.globalLines()
		d.push(g)
		return true, err
	case 0x93: // STACK_GLOBAL
		names, err := d.pop(2)
		if err != nil {
			return true, err
		}
		module, ok := names[0].(string)
		name, too := names[1].(string)
		if !ok || !too || len(module) > maxName || len(name) > maxName {
			return true, errors.New("the name of a global is no name: the file is damaged")
		}
		d.push(d.use(Global{module, name}))
	case 'R', 0x81: // REDUCE, NEWOBJ
		values, err := d.pop(2)
		if err != nil {
			return true, err
		}
		args, ok := values[1].(Tuple)
		if !ok {
			return true, errors.New("a call without a tuple of arguments: the file is damaged")
		}
		d.push(d.call(values[0], args))
	case 0x92: // NEWOBJ_EX
		values, err := d.pop(3)
		if err != nil {
			return true, err
		}
		d.push(d.call(values[0], Tuple(values[1:])))
	case 'i': // INST
		g, err := d.globalLines()
		if err != nil {
			return true, err
		}
		args, err := d.group()
		d.push(d.call(g, args))
		return true, err
	case 'o': // OBJ
		values, err := d.group()
		if err == nil && len(values) == 0 {
			err = errStack
		}
		if err != nil {
			return true, err
		}
		d.push(d.call(values[0], Tuple(values[1:])))
	case 'b': // BUILD
		state, err := d.pop(1)
		if err != nil {
			return true, err
		}
		if len(d.stack) == 0 {
			return true, errStack
		}
		if o, ok := d.stack[len(d.stack)-1].(*Object); ok { // of another value, Python would set an attribute
			o.State = state[0]
		}
	case 'P': // PERSID
		id, err := d.line()
		d.push(Persistent{id})
		return true, err
	case 'Q': // BINPERSID
		id, err := d.pop(1)
		if err != nil {
			return true, err
		}
		d.push(Persistent{id[0]})
	case 0x82, 0x83, 0x84: // EXT1, EXT2, EXT4: a number of copyreg's registry
		n, err := d.little(widths[op])
		d.push(d.use(Global{"copyreg", fmt.Sprintf("extension %d", n)}))
		return true, err
	default:
		return false, nil
	}
	return true, nil
}

// globalLines reads the two lines of GLOBAL and INST.
func (d *decoder) globalLines() (g Global, err error) {
	if g.Module, err = d.line(); err != nil {
		return g, err
	}
	if g.Name, err = d.line(); err != nil {
		return g, err
	}
	return d.use(g), nil
}

func (d *decoder) use(g Global) Global {
	i, known := d.uses[g]
	if !known {
		i = len(d.list)
		d.uses[g] = i
		d.list = append(d.list, Use{Global: g})
	}
	d.list[i].Times++
	return g
}

// call notes that Python would call a value.
func (d *decoder) call(value any, args Tuple) *Object {
	if g, ok := value.(Global); ok {
		if i, known := d.uses[g]; known {
			d.list[i].Called = true
		}
	}
	return &Object{Class: value, Args: args}
}

// place executes the instructions of the stack, the memo and the framing.
func (d *decoder) place(op byte) (known bool, err error) {
	switch op {
	case '(': // MARK
		d.push(mark{})
	case '0': // POP
		if len(d.stack) == 0 {
			return true, errStack
		}
		d.stack = d.stack[:len(d.stack)-1]
	case '1': // POP_MARK
		_, err := d.group()
		return true, err
	case '2': // DUP
		if len(d.stack) == 0 {
			return true, errStack
		}
		d.push(d.stack[len(d.stack)-1])
	case 'p', 'g': // PUT, GET
		line, err := d.line()
		if err != nil {
			return true, err
		}
		n, err := strconv.Atoi(line)
		if err != nil {
			return true, fmt.Errorf("%s is no place in the memo", printable.Short(line))
		}
		return true, d.remember(op == 'p', n)
	case 'q', 'r', 'h', 'j': // BINPUT, LONG_BINPUT, BINGET, LONG_BINGET
		n, err := d.little(widths[op])
		if err != nil {
			return true, err
		}
		return true, d.remember(op == 'q' || op == 'r', int(n))
	case 0x94: // MEMOIZE
		return true, d.remember(true, len(d.memo))
	case 0x80: // PROTO
		n, err := d.little(1)
		if err == nil && n > 5 {
			err = fmt.Errorf("it is of protocol %d; those up to 5 are read", n)
		}
		return true, err
	case 0x95: // FRAME: a length that readers may use to read ahead
		_, err := d.little(8)
		return true, err
	case 0x97, 0x98: // NEXT_BUFFER, READONLY_BUFFER
		return true, errors.New("it keeps bytes outside itself, which no checkpoint does")
	default:
		return false, nil
	}
	return true, nil
}

// remember puts the top of the stack into the memo, or pushes what is there.
func (d *decoder) remember(put bool, at int) error {
	if put {
		if len(d.stack) == 0 || d.stack[len(d.stack)-1] == (mark{}) {
			return errStack
		}
		d.memo[at] = d.stack[len(d.stack)-1]
		return nil
	}
	v, ok := d.memo[at]
	if !ok {
		return fmt.Errorf("place %d of the memo is empty: the file is damaged", at)
	}
	d.push(v)
	return nil
}

func (d *decoder) push(v any) { d.stack = append(d.stack, v) }

// pop returns the last n values of the stack, none of them a mark.
func (d *decoder) pop(n int) ([]any, error) {
	at := len(d.stack) - n
	if at < 0 {
		return nil, errStack
	}
	values := copied(d.stack[at:])
	for _, v := range values {
		if v == (mark{}) {
			return nil, errStack
		}
	}
	d.stack = d.stack[:at]
	return values, nil
}

// group returns the values above the last mark, which goes, too.
func (d *decoder) group() ([]any, error) {
	for at := len(d.stack) - 1; at >= 0; at-- {
		if _, ok := d.stack[at].(mark); ok {
			values := copied(d.stack[at+1:])
			d.stack = d.stack[:at]
			return values, nil
		}
	}
	return nil, errStack
}

// copied copies values off the stack, whose memory is used again.
func copied(values []any) []any { return append([]any(nil), values...) }

func (d *decoder) byte() (byte, error) {
	if d.left < 1 {
		return 0, errShort
	}
	d.left--
	b, err := d.r.ReadByte()
	if errors.Is(err, io.EOF) {
		err = errShort
	}
	return b, err
}

// bytes reads n bytes. Memory is taken as they come, so that a length that lies takes none.
func (d *decoder) bytes(n int64) ([]byte, error) {
	if n > d.left {
		return nil, errShort
	}
	if d.text += n; d.text > MaxText {
		return nil, fmt.Errorf("it has more than %d MiB of text: this is no checkpoint of a network", MaxText>>20)
	}
	d.left -= n
	var b bytes.Buffer
	if got, err := io.CopyN(&b, d.r, n); errors.Is(err, io.EOF) || err == nil && got < n {
		return nil, errShort
	} else if err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// little reads a little-endian number of so many bytes.
func (d *decoder) little(width int) (n uint64, err error) {
	for i := range width {
		b, err := d.byte()
		if err != nil {
			return 0, err
		}
		n |= uint64(b) << (8 * i)
	}
	return n, nil
}

// line reads to the end of a line, which is not returned.
func (d *decoder) line() (string, error) {
	var b []byte
	for {
		c, err := d.byte()
		if err != nil {
			return "", err
		}
		if c == '\n' {
			break
		}
		if b = append(b, c); len(b) > maxName {
			return "", fmt.Errorf("a line has more than %d bytes: the file is damaged", maxName)
		}
	}
	return strings.TrimSuffix(string(b), "\r"), nil
}
