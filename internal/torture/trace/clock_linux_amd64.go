// SPDX-License-Identifier: Apache-2.0

package trace

import (
	"encoding/binary"
	"errors"
	"fmt"
	"syscall"
)

// The auxiliary vector's entries: where the vDSO is, one to be ignored, and the end.
const (
	auxEnd    = 0
	auxIgnore = 1
	auxVDSO   = 33
)

// withoutVDSO makes the program, which is about to start, ask the kernel for the time. The vDSO, a library of the
// kernel that the auxiliary vector on the stack leads to, would give the time without a system call.
func (t *tracer) withoutVDSO() error {
	var regs syscall.PtraceRegs
	if err := syscall.PtraceGetRegs(t.pid, &regs); err != nil {
		return err
	}
	if err := t.open(); err != nil {
		return err
	}
	stack := make([]byte, 1<<20)
	n, _ := t.memory.ReadAt(stack, int64(regs.Rsp)) // as far as it is mapped
	word := func(at int) uint64 {
		if at+8 > n {
			return 0
		}
		return binary.LittleEndian.Uint64(stack[at:])
	}
	at := 8 * (2 + int(word(0))) // the number of arguments, the arguments, and a zero
	for ; at < n && word(at) != 0; at += 8 {
	}
	for at += 8; at < n && word(at) != auxEnd; at += 16 {
		if word(at) == auxVDSO {
			ignore := binary.LittleEndian.AppendUint64(nil, auxIgnore)
			_, err := t.memory.WriteAt(ignore, int64(regs.Rsp)+int64(at))
			return err
		}
	}
	return errors.New("the program's stack has no vDSO")
}

// turn changes the time that a call has given.
func (t *tracer) turn(clock, at uint64) {
	const realtime, realtimeCoarse = 0, 5
	if clock != realtime && clock != realtimeCoarse {
		return
	}
	b := t.read(at, 8)
	if len(b) < 8 {
		return
	}
	seconds := int64(binary.LittleEndian.Uint64(b)) + int64(t.o.Clock().Seconds())
	binary.LittleEndian.PutUint64(b, uint64(seconds))
	if _, err := t.memory.WriteAt(b, int64(at)); err != nil {
		panic(fmt.Sprintf("changing the time of process %d: %v", t.pid, err))
	}
}
