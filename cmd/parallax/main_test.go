// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/internal/codec/tiff/tifftest"
	"github.com/parallax-ssl/parallax/internal/crash"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/torch"
)

// TestMain makes the test program the command parallax that the scripts under testdata run, and the command faulty,
// which has a fault of each kind.
func TestMain(m *testing.M) {
	// Commands of a script get SIGHUP also where the tests run under nohup: a signal that is caught here is not ignored
	// there. A command under a nohup of its own keeps that.
	if strings.HasSuffix(os.Args[0], ".test") && signal.Ignored(syscall.SIGHUP) {
		signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	}
	testscript.Main(m, map[string]func(){"parallax": main, "faulty": func() { os.Exit(execute(faulty())) }})
}

// faulty is a command with faults.
func faulty() *cobra.Command {
	c := &cobra.Command{Use: "faulty", SilenceErrors: true, SilenceUsage: true}
	for name, fault := range map[string]func() error{
		"panic": func() error { panic("the index is wrong") },
		"scope": func() error { return torch.Scope(func() error { panic("the index is wrong") }) },
		"caught": func() (err error) {
			defer crash.Recover(&err)
			var none []int
			return fmt.Errorf("%d", none[len(os.Args)])
		},
		"memory": func() error {
			return torch.Scope(func() error { torch.Ones(torch.F32, 1<<24, 1<<24); return nil })
		},
		"goroutine": func() error {
			go func() { panic("not caught") }()
			select {}
		},
	} {
		c.AddCommand(&cobra.Command{Use: name, RunE: func(*cobra.Command, []string) error { return fault() }})
	}
	return c
}

// tiny is a configuration whose steps take some milliseconds.
const tiny = `data: {path: "synthetic:96", size: 16}
backbone: {width: 4}
train: {batch: 16, max_steps: 6, threads: 1, workers: 1, log_every: 1, precision: float32}
probe: {limit: 20}
`

// TestCommands runs real commands, as a user types them: testdata/script.
func TestCommands(t *testing.T) { runScripts(t, "testdata/script", nil) }

// TestEveryMethod runs the scripts of testdata/script/method with every method as $METHOD.
func TestEveryMethod(t *testing.T) {
	for _, e := range method.All {
		if _, ok := e.New().(parallax.Stager); ok {
			continue // parallax cluster runs it: cluster.txtar
		}
		t.Run(e.Name, func(t *testing.T) {
			runScripts(t, "testdata/script/method", []string{"METHOD=" + e.Name})
		})
	}
}

// engine returns the path of the engine library. The command under test lies in a folder of its own, so it has to be
// told.
func engine(t *testing.T) string {
	t.Helper()
	if given := os.Getenv("PARALLAX_SHIM"); given != "" {
		return given
	}
	extension := map[bool]string{true: ".dylib", false: ".so"}[runtime.GOOS == "darwin"]
	library, err := filepath.Abs("../../bin/libparallax_shim" + extension)
	if err != nil {
		t.Fatal(err)
	}
	return library
}

func runScripts(t *testing.T, dir string, vars []string) {
	library := engine(t)
	// The scripts' program lies in a folder of its own. It decodes JPEG with the library that make setup left in bin/.
	jpeg := os.Getenv("LIBTURBOJPEG")
	for _, name := range []string{"libturbojpeg.so.0", "libturbojpeg.0.dylib"} {
		path := filepath.Join(filepath.Dir(library), name)
		if _, err := os.Stat(path); jpeg == "" && err == nil {
			jpeg = path
		}
	}
	testscript.Run(t, testscript.Params{
		Dir:                 dir,
		RequireExplicitExec: true,
		Condition: func(name string) (bool, error) {
			if name == "root" {
				return os.Geteuid() == 0, nil
			}
			return false, fmt.Errorf("unknown condition %q", name)
		},
		Setup: func(e *testscript.Env) error {
			config := filepath.Join(e.WorkDir, "tiny.yaml")
			e.Vars = append(e.Vars, "PARALLAX_SHIM="+library, "LIBTURBOJPEG="+jpeg, "TINY="+config)
			checkpoints, err := filepath.Abs("../../weights/testdata")
			if err != nil {
				return err
			}
			e.Vars = append(append(e.Vars, "WEIGHTS="+checkpoints), vars...)
			for name, folder := range map[string]string{"DATASETS": "../../dataset/testdata",
				"HEIF": "../../internal/codec/testdata/heif"} {
				full, err := filepath.Abs(folder)
				if err != nil {
					return err
				}
				e.Vars = append(e.Vars, name+"="+full)
			}
			e.Vars = append(e.Vars, "PARALLAX_SHIM="+library, "LIBTURBOJPEG="+jpeg, "TINY="+config,
				"XDG_CACHE_HOME="+filepath.Join(e.WorkDir, ".cache"))
			e.Vars = append(e.Vars, vars...)
			return os.WriteFile(config, []byte(tiny), 0o666)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"fails": fails, "signal": signalled, "second": second, "same": same, "png": isPNG, "pictures": pictures,
			"cubes":   cubes,
			"entries": entries, "corrupt": corrupt, "events": events, "methods": methods, "agrees": agrees,
			"during": during, "copies": copies, "serves": serves, "embedded": embedded, "killed": killed,
		},
	})
}

// fails STATUS COMMAND...: the command exits with the status and prints one line that says why: no stack trace, no page
// of usage. With --json, the line of what the data was taken for may be before it.
func fails(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: fails STATUS COMMAND...")
	}
	err := ts.Exec(args[1], args[2:]...)
	checkStatus(ts, err, args[0])
	stderr := ts.ReadFile("stderr")
	oneLine := regexp.MustCompile(`^(parallax: data: [^\n]+\n)?parallax: [^\n]+\n$`)
	if !oneLine.MatchString(stderr) || strings.Contains(stderr, "Error:") {
		ts.Fatalf("standard error is not one line that begins with parallax: but\n%s", stderr)
	}
	for _, bad := range []string{"goroutine ", "panic", "Usage:", "torch: "} {
		if strings.Contains(stderr+ts.ReadFile("stdout"), bad) {
			ts.Fatalf("the output has %q:\n%s%s", bad, ts.ReadFile("stdout"), stderr)
		}
	}
}

func checkStatus(ts *testscript.TestScript, err error, want string) {
	got := 0
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signaled():
		got = 128 + int(exit.Sys().(syscall.WaitStatus).Signal())
	case errors.As(err, &exit):
		got = exit.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	if strconv.Itoa(got) != want {
		ts.Fatalf("exit status %d, want %s", got, want)
	}
}

// process is parallax, running in the background.
type process struct {
	*exec.Cmd
	out  bytes.Buffer
	done chan error // receives the error of Wait
}

// begin starts parallax and waits until the file matches the pattern.
func begin(ts *testscript.TestScript, file, pattern string, args []string) *process {
	program, err := exec.LookPath("parallax")
	ts.Check(err)
	p := &process{Cmd: exec.Command(program, args...), done: make(chan error, 1)}
	p.Dir, p.Stdout, p.Stderr = ts.MkAbs("."), &p.out, &p.out
	p.Env = append(os.Environ(), "PARALLAX_SHIM="+ts.Getenv("PARALLAX_SHIM"), "LIBTURBOJPEG="+ts.Getenv("LIBTURBOJPEG"))
	ts.Check(p.Start())
	go func() { p.done <- p.Wait() }()
	until := regexp.MustCompile(pattern)
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		if text, _ := os.ReadFile(ts.MkAbs(file)); until.Match(text) {
			return p
		}
		select {
		case err := <-p.done:
			ts.Fatalf("parallax ended (%v) before %s matched %s:\n%s", err, file, pattern, p.out.Bytes())
		default:
		}
		if time.Now().After(deadline) {
			p.Process.Kill()
			<-p.done
			ts.Fatalf("%s never matched %s:\n%s", file, pattern, p.out.Bytes())
		}
	}
}

// signal SIGNAL[,SIGNAL...] STATUS FILE PATTERN ARGUMENTS...: parallax gets the signals as soon as the file matches the
// pattern, and ends with the status. Its output, both streams, is left in the file stopped.
func signalled(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 5 {
		ts.Fatalf("usage: signal SIGNAL STATUS FILE PATTERN ARGUMENTS...")
	}
	p := begin(ts, args[2], args[3], args[4:])
	for i, name := range strings.Split(args[0], ",") {
		if i > 0 {
			time.Sleep(10 * time.Millisecond) // the kernel delivers two that wait at once as one
		}
		// It may have ended after the first.
		if err := p.Process.Signal(unix.SignalNum("SIG" + name)); !errors.Is(err, os.ErrProcessDone) {
			ts.Check(err)
		}
	}
	err := <-p.done
	ts.Check(os.WriteFile(ts.MkAbs("stopped"), p.out.Bytes(), 0o666))
	checkStatus(ts, err, args[1])
}

// second FILE PATTERN ARGUMENTS... -- COMMAND...: parallax runs with the arguments; once the file matches the pattern,
// the command runs beside it, fails with status 1 and names parallax's PID. Then parallax is stopped.
func second(ts *testscript.TestScript, neg bool, args []string) {
	at := slices.Index(args, "--")
	if neg || at < 3 || at+1 >= len(args) {
		ts.Fatalf("usage: second FILE PATTERN ARGUMENTS... -- COMMAND...")
	}
	p := begin(ts, args[0], args[1], args[2:at])
	defer func() {
		p.Process.Signal(syscall.SIGTERM)
		<-p.done
	}()
	fails(ts, false, append([]string{"1"}, args[at+1:]...))
	if want := fmt.Sprintf("pid %d ", p.Process.Pid); !strings.Contains(ts.ReadFile("stderr"), want) {
		ts.Fatalf("the error does not name the first run's %s", want)
	}
}

// same A B: two files, or all files in two folders, have the same bytes.
func same(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: [!] same A B")
	}
	a, b := hashes(ts, args[0]), hashes(ts, args[1])
	if (a == b) == neg {
		ts.Fatalf("%s:\n%s%s:\n%s", args[0], a, args[1], b)
	}
}

func hashes(ts *testscript.TestScript, path string) string {
	var b strings.Builder
	root := ts.MkAbs(path)
	ts.Check(filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%x %s\n", sha256.Sum256([]byte(ts.ReadFile(p))), name)
		return nil
	}))
	return b.String()
}

// png FILE WIDTH HEIGHT: the file is a PNG of that size.
func isPNG(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: png FILE WIDTH HEIGHT")
	}
	img, err := png.Decode(strings.NewReader(ts.ReadFile(args[0])))
	ts.Check(err)
	if got, want := img.Bounds().Size(), args[1]+" x "+args[2]; fmt.Sprintf("%d x %d", got.X, got.Y) != want {
		ts.Fatalf("%s has %v pixels, want %s", args[0], got, want)
	}
}

// pictures FOLDER N: writes N PNG files of 16 x 16 pixels of noise.
func pictures(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: pictures FOLDER N")
	}
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	ts.Check(os.MkdirAll(ts.MkAbs(args[0]), 0o777))
	r := rand.New(rand.NewPCG(uint64(n), 1))
	for i := range n {
		img := image.NewRGBA(image.Rect(0, 0, 16, 16))
		for x := range 16 {
			for y := range 16 {
				img.Set(x, y, color.RGBA{uint8(r.Uint32()), uint8(r.Uint32()), uint8(r.Uint32()), 255})
			}
		}
		var b bytes.Buffer
		ts.Check(png.Encode(&b, img))
		ts.Check(os.WriteFile(ts.MkAbs(filepath.Join(args[0], fmt.Sprintf("%04d.png", i))), b.Bytes(), 0o666))
	}
}

// copies FILE FOLDER N: copies a file N times into a folder, under names of its own kind.
func copies(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: copies FILE FOLDER N")
	}
	n, err := strconv.Atoi(args[2])
	ts.Check(err)
	ts.Check(os.MkdirAll(ts.MkAbs(args[1]), 0o777))
	for i := range n {
		name := filepath.Join(args[1], fmt.Sprintf("%04d%s", i, filepath.Ext(args[0])))
		ts.Check(os.WriteFile(ts.MkAbs(name), []byte(ts.ReadFile(args[0])), 0o666))
	}
}

// entries checks how many files and folders a folder has: entries DIR N.
func entries(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: entries DIR N")
	}
	all, err := os.ReadDir(ts.MkAbs(args[0]))
	ts.Check(err)
	if strconv.Itoa(len(all)) != args[1] {
		ts.Fatalf("%s has %d entries, want %s", args[0], len(all), args[1])
	}
}

// cubes FOLDER N C: writes N TIFF files of 16 x 16 pixels and C channels of 16 bits.
func cubes(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: cubes FOLDER N C")
	}
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	c, err := strconv.Atoi(args[2])
	ts.Check(err)
	ts.Check(os.MkdirAll(ts.MkAbs(args[0]), 0o777))
	r := rand.New(rand.NewPCG(uint64(n), uint64(c)))
	for i := range n {
		samples := make([]uint16, 16*16*c)
		for k := range samples {
			samples[k] = uint16(r.IntN(4096) + 50*i)
		}
		file := ts.MkAbs(filepath.Join(args[0], fmt.Sprintf("%04d.tif", i)))
		ts.Check(os.WriteFile(file, tifftest.Uint16(16, 16, c, samples), 0o666))
	}
}

// corrupt FOLDER N: cuts N of the folder's files short, evenly spread.
func corrupt(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: corrupt FOLDER N")
	}
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	files, err := filepath.Glob(ts.MkAbs(filepath.Join(args[0], "*.png")))
	ts.Check(err)
	for i := range n {
		ts.Check(os.Truncate(files[i*len(files)/n], 60))
	}
}

// events FILE: prints a line per event of a metrics file: the event, its step and epoch, and its words. It leaves out
// the guard's events, and those of predictions and assignments, which only some methods have.
func events(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: events FILE")
	}
	for e, err := range run.ReadEvents(strings.NewReader(ts.ReadFile(args[0]))) {
		ts.Check(err)
		guard := e.Probe == run.GuardProbe || e.Event == run.Judged || e.Class != ""
		if guard || e.Of == run.OfPrediction || e.Of == run.OfAssignments {
			continue
		}
		fmt.Fprintf(ts.Stdout(), "%s %d epoch %d", e.Event, e.Step, e.Epoch)
		for _, word := range []string{e.Method, e.Probe, e.Of, e.Reason} {
			if word != "" {
				fmt.Fprintf(ts.Stdout(), " %s", word)
			}
		}
		fmt.Fprintln(ts.Stdout())
	}
}

// methods: prints the names of all methods, a line each.
func methods(ts *testscript.TestScript, neg bool, args []string) {
	for _, e := range method.All {
		fmt.Fprintln(ts.Stdout(), e.Name)
	}
}
