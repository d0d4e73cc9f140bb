// SPDX-License-Identifier: Apache-2.0

package trace

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"unsafe"
)

// Constants that package syscall lacks.
const (
	getSyscallInfo = 0x420e // PTRACE_GET_SYSCALL_INFO
	exitKill       = 0x100000
	wall           = 0x40000000
	ownThread      = 0x20000000 // __WNOTHREAD: other goroutines wait for their own children
	atFDCWD        = -100
	removeDir      = 0x200 // AT_REMOVEDIR
)

// info is struct ptrace_syscall_info.
type info struct {
	op     uint8 // 1 on entry, 2 on exit
	_      [3]uint8
	_      uint32
	_, _   uint64
	number uint64 // on exit the result
	args   [6]uint64
	_      [8]uint8
}

// tracer traces one process. All its methods run on one thread.
type tracer struct {
	o       Options
	pid     int
	memory  *os.File
	pending map[int]*Call // by thread: the call that it is making
	failing map[int]syscall.Errno
	asking  map[int][2]uint64 // by thread: the clock and where its time goes
	threads map[int]bool
}

func run(c *exec.Cmd, o Options) (status syscall.WaitStatus, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // only the thread that started the process may trace it; it ends with the goroutine
		status, err = start(c, o)
	}()
	<-done
	return status, err
}

func start(c *exec.Cmd, o Options) (status syscall.WaitStatus, err error) {
	if c.SysProcAttr == nil {
		c.SysProcAttr = &syscall.SysProcAttr{}
	}
	c.SysProcAttr.Ptrace = true
	if err := c.Start(); err != nil {
		return 0, fmt.Errorf("%w: %w", ErrUnsupported, err)
	}
	pid := c.Process.Pid
	defer func() { _ = c.Process.Release() }()
	if _, err := syscall.Wait4(pid, &status, wall, nil); err != nil {
		return 0, fmt.Errorf("waiting for %s to start: %w", c.Path, err)
	}
	err = syscall.PtraceSetOptions(pid, syscall.PTRACE_O_TRACESYSGOOD|syscall.PTRACE_O_TRACECLONE|exitKill)
	if err != nil {
		return 0, errors.Join(fmt.Errorf("tracing %s: %w", c.Path, err), c.Process.Kill())
	}
	t := &tracer{o: o, pid: pid, pending: map[int]*Call{}, failing: map[int]syscall.Errno{},
		asking: map[int][2]uint64{}, threads: map[int]bool{pid: true}}
	defer func() { t.memory.Close() }()
	if o.Clock != nil {
		if err := t.withoutVDSO(); err != nil {
			return 0, errors.Join(err, c.Process.Kill())
		}
	}
	if err := syscall.PtraceSyscall(pid, 0); err != nil {
		return 0, errors.Join(fmt.Errorf("tracing %s: %w", c.Path, err), c.Process.Kill())
	}
	for {
		tid, err := syscall.Wait4(-1, &status, wall|ownThread, nil)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil {
			return 0, fmt.Errorf("waiting for %s: %w", c.Path, err)
		}
		if status.Exited() || status.Signaled() {
			if tid == pid {
				return status, nil
			}
			continue
		}
		// A thread may have been killed since it stopped: then the next wait says so.
		_ = syscall.PtraceSyscall(tid, t.stopped(tid, status))
	}
}

// stopped handles a stop of a thread and returns the signal to continue it with.
func (t *tracer) stopped(tid int, status syscall.WaitStatus) int {
	s := status.StopSignal()
	fresh := !t.threads[tid]
	t.threads[tid] = true
	switch {
	case s == syscall.SIGTRAP|0x80:
		t.call(tid)
		return 0
	case s == syscall.SIGTRAP, fresh && s == syscall.SIGSTOP: // an event, or the start of a thread
		return 0
	}
	return int(s)
}

// call handles the start or the end of a system call.
func (t *tracer) call(tid int) {
	var i info
	_, _, errno := syscall.RawSyscall6(syscall.SYS_PTRACE, getSyscallInfo, uintptr(tid), unsafe.Sizeof(i),
		uintptr(unsafe.Pointer(&i)), 0, 0)
	if errno != 0 {
		return
	}
	if i.op == 1 {
		if i.number == syscall.SYS_CLOCK_GETTIME && t.o.Clock != nil {
			t.asking[tid] = [2]uint64{i.args[0], i.args[1]}
			return
		}
		if c := t.describe(tid, i.number, i.args); c != nil {
			t.enter(tid, c)
		}
		return
	}
	if asked, ok := t.asking[tid]; ok {
		delete(t.asking, tid)
		t.turn(asked[0], asked[1])
		return
	}
	c := t.pending[tid]
	delete(t.pending, tid)
	if c == nil {
		return
	}
	c.Result = int64(i.number)
	if e := t.failing[tid]; e != 0 {
		delete(t.failing, tid)
		c.Result = -int64(e)
		var regs syscall.PtraceRegs
		if syscall.PtraceGetRegs(tid, &regs) == nil {
			regs.Rax = uint64(c.Result)
			_ = syscall.PtraceSetRegs(tid, &regs)
		}
	}
	if t.o.Leave != nil {
		t.o.Leave(*c)
	}
}

func (t *tracer) enter(tid int, c *Call) {
	t.pending[tid] = c
	if t.o.Enter == nil {
		return
	}
	a := t.o.Enter(*c)
	if a.Kill {
		_ = syscall.Kill(t.pid, syscall.SIGKILL)
	}
	if a.Signal != 0 {
		_ = syscall.Kill(t.pid, a.Signal)
	}
	if a.Errno != 0 {
		var regs syscall.PtraceRegs
		if syscall.PtraceGetRegs(tid, &regs) == nil {
			regs.Orig_rax = ^uint64(0)
			if syscall.PtraceSetRegs(tid, &regs) == nil {
				t.failing[tid] = a.Errno
			}
		}
	}
}

// describe returns the call if it touches a file below the folder, else nil.
func (t *tracer) describe(tid int, number uint64, a [6]uint64) *Call {
	onFile := func(op string) *Call {
		path, ok := t.file(tid, int32(a[0]))
		if !ok {
			return nil
		}
		return &Call{Op: op, Path: path, FD: int(int32(a[0]))}
	}
	byName := func(op string, dir int32, name uint64) *Call {
		path, ok := t.name(tid, dir, name)
		if !ok {
			return nil
		}
		return &Call{Op: op, Path: path}
	}
	switch number {
	case syscall.SYS_OPENAT, syscall.SYS_OPEN:
		dir, name, flags := int32(a[0]), a[1], a[2]
		if number == syscall.SYS_OPEN {
			dir, name, flags = atFDCWD, a[0], a[1]
		}
		c := byName(Open, dir, name)
		if c != nil {
			c.Flags = int(flags)
		}
		return c
	case syscall.SYS_CLOSE:
		return onFile(Close)
	case syscall.SYS_WRITE, syscall.SYS_PWRITE64:
		c := onFile(Write)
		if c == nil {
			return nil
		}
		if c.Offset = -1; number == syscall.SYS_PWRITE64 {
			c.Offset = int64(a[3])
		}
		if t.o.Data {
			c.Data = t.read(a[1], int(a[2]))
		}
		return c
	case syscall.SYS_FSYNC, syscall.SYS_FDATASYNC:
		return onFile(Sync)
	case syscall.SYS_FTRUNCATE:
		c := onFile(Truncate)
		if c != nil {
			c.Size = int64(a[1])
		}
		return c
	case syscall.SYS_FLOCK:
		return onFile(Lock)
	case syscall.SYS_RENAME:
		return t.rename(tid, atFDCWD, a[0], atFDCWD, a[1])
	case syscall.SYS_RENAMEAT, renameat2:
		return t.rename(tid, int32(a[0]), a[1], int32(a[2]), a[3])
	case syscall.SYS_UNLINK:
		return byName(Remove, atFDCWD, a[0])
	case syscall.SYS_RMDIR:
		return byName(RemoveDir, atFDCWD, a[0])
	case syscall.SYS_UNLINKAT:
		if a[2]&removeDir != 0 {
			return byName(RemoveDir, int32(a[0]), a[1])
		}
		return byName(Remove, int32(a[0]), a[1])
	case syscall.SYS_MKDIR:
		return byName(Mkdir, atFDCWD, a[0])
	case syscall.SYS_MKDIRAT:
		return byName(Mkdir, int32(a[0]), a[1])
	}
	return t.other(tid, number, a)
}

const (
	renameat2     = 316
	copyFileRange = 326
)

// other describes calls that change files in ways that [Call] has no words for.
func (t *tracer) other(tid int, number uint64, a [6]uint64) *Call {
	var fd int
	var name string
	switch number {
	case syscall.SYS_WRITEV, syscall.SYS_PWRITEV, syscall.SYS_FALLOCATE:
		fd, name = int(int32(a[0])), "writev, pwritev or fallocate"
	case syscall.SYS_SENDFILE:
		fd, name = int(int32(a[0])), "sendfile"
	case syscall.SYS_SPLICE, copyFileRange:
		fd, name = int(int32(a[2])), "splice or copy_file_range"
	case syscall.SYS_MMAP:
		if a[2]&syscall.PROT_WRITE == 0 || a[3]&syscall.MAP_SHARED == 0 || int32(a[4]) < 0 {
			return nil
		}
		fd, name = int(int32(a[4])), "mmap"
	case syscall.SYS_LINKAT, syscall.SYS_SYMLINKAT, syscall.SYS_TRUNCATE:
		at := map[uint64]uint64{syscall.SYS_LINKAT: a[3], syscall.SYS_SYMLINKAT: a[2], syscall.SYS_TRUNCATE: a[0]}
		if path, ok := t.name(tid, atFDCWD, at[number]); ok {
			return &Call{Op: Other, Path: path, Name: "link, symlink or truncate"}
		}
		return nil
	default:
		return nil
	}
	if path, ok := t.file(tid, int32(fd)); ok {
		return &Call{Op: Other, Path: path, FD: fd, Name: name}
	}
	return nil
}

func (t *tracer) rename(tid int, fromDir int32, from uint64, toDir int32, to uint64) *Call {
	a, inside := t.name(tid, fromDir, from)
	b, other := t.name(tid, toDir, to)
	if !inside && !other {
		return nil
	}
	return &Call{Op: Rename, Path: a, To: b}
}

// file returns the path of an open file below the folder.
func (t *tracer) file(tid int, fd int32) (string, bool) {
	path, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", tid, fd))
	if err != nil {
		return "", false
	}
	return t.below(strings.TrimSuffix(path, " (deleted)"))
}

// name returns the path that a call names by a string in memory.
func (t *tracer) name(tid int, dir int32, at uint64) (string, bool) {
	text := t.read(at, 4096)
	end := bytes.IndexByte(text, 0)
	if end < 0 {
		return "", false
	}
	path := string(text[:end])
	if !filepath.IsAbs(path) {
		link := fmt.Sprintf("/proc/%d/cwd", tid)
		if dir != atFDCWD {
			link = fmt.Sprintf("/proc/%d/fd/%d", tid, dir)
		}
		base, err := os.Readlink(link)
		if err != nil {
			return "", false
		}
		path = filepath.Join(strings.TrimSuffix(base, " (deleted)"), path)
	}
	return t.below(filepath.Clean(path))
}

// below returns a path relative to the folder, if it is in it.
func (t *tracer) below(path string) (string, bool) {
	if path == t.o.Below {
		return ".", true
	}
	return strings.CutPrefix(path, t.o.Below+"/")
}

// read reads the process's memory, n bytes or as far as it is mapped.
func (t *tracer) read(at uint64, n int) []byte {
	if t.open() != nil {
		return nil
	}
	b := make([]byte, n)
	got, _ := t.memory.ReadAt(b, int64(at))
	if got == 0 && n > 256 { // a short string at the end of a page
		got, _ = t.memory.ReadAt(b[:4096-at%4096], int64(at))
	}
	return b[:got]
}

// open opens the process's memory.
func (t *tracer) open() (err error) {
	if t.memory == nil {
		t.memory, err = os.OpenFile(fmt.Sprintf("/proc/%d/mem", t.pid), os.O_RDWR, 0)
	}
	return err
}
