// SPDX-License-Identifier: Apache-2.0

package run

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const childVariable = "PARALLAX_TEST_HOLDS_LOCK"

// TestMain is also the program that TestSecondProcess runs: it opens a run directory and waits to be killed.
func TestMain(m *testing.M) {
	dir := os.Getenv(childVariable)
	if dir == "" {
		os.Exit(m.Run())
	}
	if _, err := Open(dir); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("held")
	io.Copy(io.Discard, os.Stdin) // until the parent is gone
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func create(t *testing.T) (*Dir, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "runs", "a")
	d, err := Create(path, example(t))
	must(t, err)
	return d, path
}

func TestCreate(t *testing.T) {
	d, path := create(t)
	if diff := cmp.Diff([]string{ConfigFile, LockFile}, names(t, path)); diff != "" {
		t.Error(diff)
	}
	if got := readFile(t, path, ConfigFile); got != encoded(t, example(t)) {
		t.Errorf("config is\n%s", got)
	}
	_, err := Create(path, example(t))
	host, _ := os.Hostname()
	wantError(t, err, fmt.Sprintf("run directory %s: in use by another run (pid %d on host %s): stop that one, "+
		"or choose another --out", path, os.Getpid(), host))
	if !errors.Is(err, ErrInUse) {
		t.Error("the error does not wrap ErrInUse")
	}
	must(t, d.Close())
	_, err = Create(path, example(t))
	wantError(t, err, fmt.Sprintf("run directory %s holds a run: continue it with --resume %s, "+
		"or choose another --out", path, path))
	d, err = Open(path)
	must(t, err)
	must(t, d.Close())
}

func TestCreateLeavesOtherFoldersAlone(t *testing.T) {
	path := t.TempDir()
	must(t, os.WriteFile(filepath.Join(path, "photo.jpg"), nil, 0o666))
	_, err := Create(path, example(t))
	wantError(t, err, fmt.Sprintf("run directory %s is not empty (it holds photo.jpg) and holds no run: "+
		"choose another --out", path))
	if got := names(t, path); len(got) != 1 {
		t.Errorf("the folder holds %v", got)
	}
	_, err = Open(path)
	wantError(t, err, fmt.Sprintf("opening %s: not a run directory: it has no config.yaml", path))
	if _, err = Create(filepath.Join(path, "photo.jpg"), example(t)); err == nil {
		t.Error("a run was made in a file")
	}
}

func TestCreateAfterACrashInCreate(t *testing.T) {
	path := t.TempDir()
	must(t, os.WriteFile(filepath.Join(path, LockFile), []byte("pid 1 on host gone\n"), 0o666))
	must(t, os.WriteFile(filepath.Join(path, temporaryName(ConfigFile)), []byte("half"), 0o666))
	d, err := Create(path, example(t))
	must(t, err)
	if diff := cmp.Diff([]string{ConfigFile, LockFile}, names(t, path)); diff != "" {
		t.Error(diff)
	}
	must(t, d.Close())
}

func TestSecondProcess(t *testing.T) {
	d, path := create(t)
	must(t, d.Close())
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childVariable+"="+path)
	in, err := child.StdinPipe()
	must(t, err)
	defer in.Close()
	out, err := child.StdoutPipe()
	must(t, err)
	must(t, child.Start())
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "held\n" {
		t.Fatalf("the child says %q, error %v", line, err)
	}
	_, err = Open(path)
	host, _ := os.Hostname()
	wantError(t, err, fmt.Sprintf("run directory %s: in use by another run (pid %d on host %s): stop that one, "+
		"or choose another --out", path, child.Process.Pid, host))
	if running, err := Running(path); !running || err != nil {
		t.Errorf("running is %v, error %v", running, err)
	}
	must(t, child.Process.Kill())
	child.Wait() // the error is that it was killed
	if running, err := Running(path); running || err != nil {
		t.Errorf("after the kill running is %v, error %v", running, err)
	}
	d, err = Open(path)
	must(t, err)
	must(t, d.Close())
}

func TestWriteFileKeepsTheOldFileWhenWritingFails(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "weights")
	must(t, os.WriteFile(path, []byte("old"), 0o666))
	err := WriteFile(path, func(w io.Writer) error {
		if _, err := w.Write(make([]byte, 1<<20)); err != nil { // more than any buffer
			return err
		}
		return &fs.PathError{Op: "write", Path: "weights", Err: syscall.ENOSPC}
	})
	wantError(t, err, fmt.Sprintf("writing %s: write weights: no space left on device: free some space, "+
		"then continue with --resume", path))
	if readFile(t, path) != "old" || len(names(t, dir)) != 1 {
		t.Errorf("the file is %q among %v", readFile(t, path), names(t, dir))
	}
	must(t, WriteFile(path, func(w io.Writer) error { _, err := io.WriteString(w, "new"); return err }))
	if readFile(t, path) != "new" || len(names(t, dir)) != 1 {
		t.Errorf("the file is %q among %v", readFile(t, path), names(t, dir))
	}
	nothing := func(io.Writer) error { return nil }
	err = WriteFile(filepath.Join(dir, "none", "x"), nothing)
	if !errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrUncertain) {
		t.Errorf("error %v", err)
	}
	// A rename that fails: the target is a folder that holds something.
	must(t, os.MkdirAll(filepath.Join(dir, "full", "x"), 0o777))
	if err := WriteFile(filepath.Join(dir, "full"), nothing); err == nil || len(names(t, dir)) != 2 {
		t.Errorf("error %v, the folder holds %v", err, names(t, dir))
	}
}

func TestOpenRemovesWhatACrashLeft(t *testing.T) {
	d, path := create(t)
	must(t, os.MkdirAll(d.Path(CheckpointsDir, "10"), 0o777))
	must(t, os.WriteFile(d.Path(CheckpointsDir, "10", temporaryName("model")), nil, 0o666))
	must(t, os.WriteFile(d.Path(CheckpointsDir, "10", ".mine"), nil, 0o666))
	must(t, d.Close())
	d, err := Open(path)
	must(t, err)
	if got := names(t, d.Path(CheckpointsDir, "10")); len(got) != 1 || got[0] != ".mine" {
		t.Errorf("left are %v", got)
	}
	must(t, d.Close())
}

func TestLogCutsWhatComesAgain(t *testing.T) {
	d, path := create(t)
	var watched []int
	l, err := d.OpenLog(0, func(e Event) { watched = append(watched, e.Step) })
	must(t, err)
	for step := range 5 {
		must(t, l.Write(Event{Event: StepEnd, Step: step, Metrics: map[string]Number{Loss: Num(float64(step))}}))
	}
	must(t, l.Sync())
	must(t, l.Close())
	whole := readFile(t, path, MetricsFile)
	must(t, os.WriteFile(d.Path(MetricsFile), []byte(whole+`{"event":"st`), 0o666))
	l, err = d.OpenLog(2)
	must(t, err)
	must(t, l.Write(Event{Event: Resumed, Step: 2}))
	must(t, l.Close())
	want := strings.Join(strings.SplitAfter(whole, "\n")[:3], "") + `{"event":"resumed","step":2,"epoch":0}` + "\n"
	if diff := cmp.Diff(want, readFile(t, path, MetricsFile)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]int{0, 1, 2, 3, 4}, watched); diff != "" {
		t.Error(diff)
	}
	if files := names(t, d.Path(TensorBoardDir)); len(files) != 2 {
		t.Errorf("TensorBoard has %v, want a file per process", files)
	}
	must(t, d.Close())
}

func TestFullDisk(t *testing.T) {
	const full = "/dev/full"
	if _, err := os.Stat(full); err != nil {
		t.Skip("this system has no /dev/full")
	}
	d, _ := create(t)
	must(t, os.Symlink(full, d.Path(MetricsFile)))
	a, err := openAppend(d.Path(MetricsFile), 0)
	must(t, err)
	err = a.Append(Event{Event: End})
	wantError(t, err, fmt.Sprintf("writing %s: write %s: no space left on device: free some space, "+
		"then continue with --resume", d.Path(MetricsFile), d.Path(MetricsFile)))
	must(t, a.f.Close())
	must(t, d.Close())
}

// TestAppendCutsBackAHalfWrittenLine fills a file up to the process's limit on file sizes, within a line.
func TestAppendCutsBackAHalfWrittenLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lines")
	l, err := openAppend(path, 0)
	must(t, err)
	must(t, l.Append("first"))
	var limit syscall.Rlimit
	must(t, syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit))
	small := limit
	small.Cur = 20
	must(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &small))
	err = l.Append(strings.Repeat("x", 100))
	must(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit))
	if !errors.Is(err, syscall.EFBIG) {
		t.Errorf("error %v, want EFBIG", err)
	}
	must(t, l.Append("second"))
	must(t, l.Close())
	if got, want := readFile(t, path), "\"first\"\n\"second\"\n"; got != want {
		t.Errorf("the file is %q, want %q", got, want)
	}
}

func TestList(t *testing.T) {
	root := t.TempDir()
	status := map[string][]Event{
		"done":         {{Event: StepEnd, Step: 9}, {Event: End, Step: 9, Reason: Finished}},
		"group/killed": {{Event: StepEnd, Step: 4}},
		"live":         nil,
	}
	for name, events := range status {
		d, err := Create(filepath.Join(root, name), example(t))
		must(t, err)
		l, err := d.OpenLog(0)
		must(t, err)
		for _, e := range events {
			must(t, l.Write(e))
		}
		must(t, l.Close())
		if name == "live" {
			defer d.Close()
		} else {
			must(t, d.Close())
		}
	}
	must(t, os.MkdirAll(filepath.Join(root, "other"), 0o777))
	runs, err := List(root)
	must(t, err)
	var got []string
	for _, r := range runs {
		must(t, r.Err)
		name, _ := filepath.Rel(root, r.Dir)
		got = append(got, fmt.Sprintf("%s %s %s %d", name, r.Method, r.Status, r.Last.Step))
	}
	want := []string{"done contrast finished 9", "group/killed contrast stopped 4", "live contrast running 0"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Removing the lock file does not let a second process in.
func TestLockFileRemoved(t *testing.T) {
	d, path := create(t)
	must(t, os.Remove(d.Path(LockFile)))
	if _, err := Open(path); !errors.Is(err, ErrInUse) {
		t.Errorf("error %v", err)
	}
	if running, err := Running(path); !running || err != nil {
		t.Errorf("running is %v, error %v", running, err)
	}
	must(t, d.Close())
	if running, err := Running(path); running || err != nil {
		t.Errorf("after the end running is %v, error %v", running, err)
	}
	d, err := Open(path)
	must(t, err)
	must(t, d.Close())
}

// A directory that was moved, removed or replaced is noticed.
func TestDirectoryGone(t *testing.T) {
	d, path := create(t)
	must(t, d.Check())
	must(t, os.Rename(path, path+"-moved"))
	if err := d.Check(); !errors.Is(err, ErrGone) || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("moved: %v", err)
	}
	must(t, os.Mkdir(path, 0o777))
	if err := d.Check(); !errors.Is(err, ErrGone) {
		t.Errorf("another in its place: %v", err)
	}
	must(t, os.Remove(path))
	must(t, os.Rename(path+"-moved", path))
	must(t, d.Check())
	must(t, d.Close())
}
