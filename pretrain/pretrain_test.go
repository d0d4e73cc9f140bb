// SPDX-License-Identifier: Apache-2.0

package pretrain

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/torch"
)

// tiny requests a SimCLR run whose steps take a few milliseconds.
func tiny(more ...Setting) *Request {
	return of("simclr", more...)
}

func of(method string, more ...Setting) *Request {
	return &Request{Preset: "tiny-cpu", Settings: append([]Setting{
		Set("data.path", "synthetic:48"), Set("data.size", 16), Set("method.name", method), Set("backbone.width", 4),
		Set("train.batch", 16), Set("train.max_steps", 4), Set("train.threads", 1), Set("train.precision", "float32"),
	}, more...)}
}

// A mistake in the request is an InvalidError that names the setting, and no run directory is made.
func TestMistakes(t *testing.T) {
	for name, c := range map[string]struct {
		request *Request
		want    string
	}{
		"no method":      {&Request{Settings: []Setting{Set("data.path", "synthetic:48")}}, "no method given"},
		"no data":        {&Request{Settings: []Setting{Set("method.name", "simclr")}}, "no data given"},
		"unknown method": {of("simclear"), `did you mean "simclr"`},
		"unknown key":    {tiny(Set("optim.bas_rate", 1)), "optim.base_rate"},
		"large batch":    {tiny(Set("train.batch", 49)), "larger than the data set, which has 48"},
		"small batch":    {tiny(Set("train.batch", 1)), "use --batch 2 or more"},
		"a stage":        {of("scan"), "parallax cluster"},
		"no memory":      {tiny(Set("train.memory", "64MiB")), "a batch of 16 x 2 views of 16 px takes 96 KiB in each"},
		"no size":        {tiny(Set("train.memory", "many")), "800MB"},
	} {
		out := filepath.Join(t.TempDir(), "run")
		result, err := Run(context.Background(), c.request, Options{Out: out})
		var invalid *run.InvalidError
		if result != nil || !errors.As(err, &invalid) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, %v; want an InvalidError with %q", name, result, err, c.want)
		}
		if _, err := os.Stat(out); err == nil {
			t.Errorf("%s: %s was made", name, out)
		}
	}
}

// own is SimCLR under another name, which is not in the list of built-in objectives.
func own() method.Entry {
	e, err := method.Find("simclr")
	if err != nil {
		panic(err)
	}
	e.Name, e.Title = "own", "A method of the program's own"
	return e
}

// live is the number of tensors in the process.
func live(t *testing.T) (n int) {
	if err := torch.Scope(func() error { n = torch.Live(); return nil }); err != nil {
		t.Fatal(err)
	}
	return n
}

// A run of a program's own method stops when its context ends, and is resumed.
func TestOwnMethodStopsAndGoesOn(t *testing.T) {
	out := filepath.Join(t.TempDir(), "run")
	ctx, cancel := context.WithCancelCause(context.Background())
	stop := errors.New("enough")
	request := of("own", Set("train.log_every", 1))
	request.Methods = []method.Entry{own()}
	before := live(t)
	result, err := Run(ctx, request, Options{Out: out, Watch: []func(run.Event){func(e run.Event) {
		if e.Event == run.StepEnd && e.Step == 2 {
			cancel(stop)
		}
	}}})
	if !errors.Is(err, stop) || result == nil || result.Steps != 2 || !result.Trained {
		t.Fatalf("%+v, %v; want 2 steps and the context's cause", result, err)
	}
	_, err = Resume(context.Background(), out, nil, Options{})
	if err == nil || !strings.Contains(err.Error(), `unknown method "own"`) {
		t.Errorf("without the method: %v", err)
	}
	var began bool
	result, err = Resume(context.Background(), out, nil, Options{
		Methods: []method.Entry{own()},
		Begin:   func(s *Session) { began = s.Job.Method != nil && s.Step() == 2 },
	})
	if err != nil || result.Steps != 4 || !began {
		t.Fatalf("%+v, %v, begun %v; want 4 steps", result, err, began)
	}
	var notes []string
	result, err = Resume(context.Background(), out, nil, Options{
		Methods: []method.Entry{own()}, Note: func(text string) { notes = append(notes, text) },
	})
	if err != nil || result.Trained || len(notes) != 1 || !strings.Contains(notes[0], "finished after 4 steps") {
		t.Errorf("a finished run: %+v, %v, %q", result, err, notes)
	}
	other := []Setting{Set("optim.base_rate", 9)}
	_, err = Resume(context.Background(), out, other, Options{Methods: []method.Entry{own()}})
	if err == nil || !strings.Contains(err.Error(), "cannot be resumed with other settings") {
		t.Errorf("another rate: %v", err)
	}
	if after := live(t); after != before {
		t.Errorf("%d tensors are left", after-before)
	}
}

// With probe.detail a run measures the embeddings of BYOL's target, on the images of the online network's. Before
// training both networks are equal. A target that is fixed stays as it is.
func TestTargetIsMeasured(t *testing.T) {
	out := filepath.Join(t.TempDir(), "run")
	request := of("byol", Set("probe.detail", true), Set("method.target_mode", "fixed"), Set("train.eval_every", 4))
	if _, err := Run(context.Background(), request, Options{Out: out}); err != nil {
		if errors.Is(err, torch.ErrNoEngine) {
			t.Skip(err)
		}
		t.Fatal(err)
	}
	log, err := os.Open(filepath.Join(out, "metrics.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	std := map[string][]float64{} // by what was measured, at the start and at the end
	for e, err := range run.ReadEvents(log) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Event == run.Eval && e.Probe != run.GuardProbe {
			std[e.Of] = append(std[e.Of], e.Metrics[run.Std].Value)
		}
	}
	online, target := std[run.OfEmbedding], std[run.OfTarget]
	if len(online) != 2 || len(target) != 2 {
		t.Fatalf("measured %v", std)
	}
	if online[0] != target[0] || online[1] == online[0] || target[1] != target[0] {
		t.Errorf("the deviation went from %v to %v online, and from %v to %v in the target",
			online[0], online[1], target[0], target[1])
	}
}
