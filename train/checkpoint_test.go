// SPDX-License-Identifier: Apache-2.0

package train_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/parallax-ssl/parallax/checkpoint"
	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/train"
)

var checkpointFiles = []string{"hooks.safetensors", "manifest.json", "model.safetensors", "optimizer.safetensors"}

// saved makes a finished run of 6 steps with checkpoints at steps 2, 4 and 6.
func saved(t *testing.T) (j job, dir string) {
	t.Helper()
	j = job{set: func(c *config.Config) { c.Train.MaxSteps, c.Train.SaveEvery, c.Train.Keep = 6, 2, 3 }}
	j.hooks = []train.Hook{&average{}}
	dir = j.whole(t)
	steps := []string{stepFolder(2), stepFolder(4), stepFolder(6)}
	if diff := cmp.Diff(steps, folders(t, dir, run.CheckpointsDir)); diff != "" {
		t.Fatal(diff)
	}
	return j, dir
}

// copied makes a copy of a run, to be damaged.
func copied(t *testing.T, dir string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "copy")
	must(t, copyDir(dir, to))
	return to
}

// resumed resumes the run in dir and returns the step from which it continued, and the warnings.
func resumed(t *testing.T, j job, dir string) (step int, warnings []string, err error) {
	t.Helper()
	j.hooks = []train.Hook{&average{}}
	tr, closeAll, err := j.trainer(dir, true, func(w string) { warnings = append(warnings, w) })
	if err != nil {
		return 0, warnings, err
	}
	step = tr.Step()
	must(t, tr.Run(t.Context()))
	must(t, closeAll())
	return step, warnings, nil
}

// Whatever damages a file of the newest checkpoint, the run resumes from the one before and ends with the same bytes.
func TestDamagedCheckpointIsPassedOver(t *testing.T) {
	j, dir := saved(t)
	type damage struct {
		name string
		do   func(text []byte) []byte // nil: the file is removed
	}
	damages := []damage{
		{"removed", nil},
		{"empty", func([]byte) []byte { return nil }},
		{"cut in half", func(b []byte) []byte { return b[:len(b)/2] }},
		{"two bytes short", func(b []byte) []byte { return b[:len(b)-2] }},
		{"a byte long", func(b []byte) []byte { return append(b, 'x') }},
		{"zeros", func(b []byte) []byte { return make([]byte, len(b)) }},
	}
	for _, part := range []int{0, 1, 2, 3, 4} {
		damages = append(damages, damage{fmt.Sprintf("a bit flipped at %d/4", part), func(b []byte) []byte {
			b[part*(len(b)-1)/4] ^= 1
			return b
		}})
	}
	for _, file := range checkpointFiles {
		for _, d := range damages {
			t.Run(file+" "+d.name, func(t *testing.T) {
				broken := copied(t, dir)
				path := filepath.Join(broken, run.CheckpointsDir, stepFolder(6), file)
				text, err := os.ReadFile(path)
				must(t, err)
				if d.do == nil {
					must(t, os.Remove(path))
				} else if after := d.do(slices.Clone(text)); bytes.Equal(after, text) {
					t.Fatal("nothing was damaged")
				} else {
					must(t, os.WriteFile(path, after, 0o666))
				}
				step, warnings, err := resumed(t, j, broken)
				must(t, err)
				if step != 4 || len(warnings) != 1 || !strings.Contains(warnings[0], stepFolder(6)) ||
					strings.Contains(warnings[0], "\n") {
					t.Errorf("it resumed from step %d with the warnings %q", step, warnings)
				}
				same(t, dir, broken, 6)
			})
		}
	}
}

// A change of any byte of a manifest is noticed. The manifest says to which step the weights belong.
func TestEveryByteOfTheManifestCounts(t *testing.T) {
	j, dir := saved(t)
	broken := copied(t, dir)
	path := filepath.Join(broken, run.CheckpointsDir, stepFolder(6), "manifest.json")
	text, err := os.ReadFile(path)
	must(t, err)
	for at := range text {
		other := slices.Clone(text)
		other[at] ^= []byte{1, 32}[at%2] // 32 changes a letter's case, which encoding/json reads past in keys
		must(t, os.WriteFile(path, other, 0o666))
		j.hooks = []train.Hook{&average{}}
		warnings := 0
		tr, closeAll, err := j.trainer(broken, true, func(string) { warnings++ })
		if err != nil {
			t.Fatalf("byte %d of the manifest, now %q: %v", at, other[at], err)
		}
		if tr.Step() != 4 || warnings != 1 {
			t.Errorf("byte %d of the manifest, now %q: it resumes from step %d with %d warnings",
				at, other[at], tr.Step(), warnings)
		}
		must(t, closeAll())
	}
}

// A checkpoint under another step's name is damaged.
func TestRenamedCheckpoint(t *testing.T) {
	j, dir := saved(t)
	all := filepath.Join(dir, run.CheckpointsDir)
	must(t, os.Rename(filepath.Join(all, stepFolder(6)), filepath.Join(all, stepFolder(5))))
	step, warnings, err := resumed(t, j, dir)
	must(t, err)
	if step != 4 || len(warnings) != 1 || !strings.Contains(warnings[0], stepFolder(5)) {
		t.Errorf("it resumed from step %d with the warnings %q", step, warnings)
	}
}

func TestNoCheckpointIsLeft(t *testing.T) {
	j, dir := saved(t)
	for _, step := range []int{2, 4, 6} {
		must(t, os.Truncate(filepath.Join(dir, run.CheckpointsDir, stepFolder(step), "model.safetensors"), 40))
	}
	_, warnings, err := resumed(t, j, dir)
	oneLine(t, err, "none of the 3 checkpoints", "start again with another --out")
	if len(warnings) != 3 {
		t.Errorf("warnings: %q", warnings)
	}
}

// After a resume past damaged checkpoints, new checkpoints must not be removed in favour of the damaged ones.
func TestDamagedCheckpointsAreNotTheNewest(t *testing.T) {
	j, dir := saved(t)
	for _, step := range []int{4, 6} {
		must(t, os.Remove(filepath.Join(dir, run.CheckpointsDir, stepFolder(step), "manifest.json")))
	}
	j.set = func(c *config.Config) { // nothing is rated, so no checkpoint is kept as the best
		c.Train.MaxSteps, c.Train.SaveEvery, c.Train.Keep, c.Train.EvalEvery = 6, 1, 1, 100
	}
	j, ctx := j.stopAt(t.Context(), 3)
	j.hooks = []train.Hook{&average{}}
	tr, closeAll, err := j.trainer(dir, true, func(string) {})
	must(t, err)
	if err := tr.Run(ctx); !errors.Is(err, errStop) {
		t.Fatal(err)
	}
	must(t, closeAll())
	j.watch = nil
	step, _, err := resumed(t, j, dir)
	must(t, err)
	if step != 3 {
		t.Errorf("it resumed from step %d: the checkpoint of step 3 is gone", step)
	}
}

// A crash while a checkpoint is written leaves a folder of another name. It is not read, and the next save removes it.
func TestHalfWrittenCheckpoint(t *testing.T) {
	j, dir := saved(t)
	newest := filepath.Join(dir, run.CheckpointsDir, stepFolder(6))
	half := filepath.Join(dir, run.CheckpointsDir, ".writing-"+stepFolder(6))
	must(t, os.Rename(newest, half))
	must(t, os.Remove(filepath.Join(half, "manifest.json")))
	other := filepath.Join(dir, run.CheckpointsDir, ".writing-"+stepFolder(99))
	must(t, copyDir(half, other))
	step, warnings, err := resumed(t, j, dir)
	must(t, err)
	if step != 4 || len(warnings) != 0 {
		t.Errorf("it resumed from step %d with the warnings %q", step, warnings)
	}
	steps := []string{stepFolder(2), stepFolder(4), stepFolder(6)}
	if diff := cmp.Diff(steps, folders(t, dir, run.CheckpointsDir)); diff != "" {
		t.Error(diff)
	}
}

// alterManifest changes a checkpoint's manifest as another program would have written it, with the digest that goes
// with it: the SHA-256 of its JSON without the digest, keys sorted, no spaces.
func alterManifest(t *testing.T, dir string, step int, alter func(fields map[string]any)) {
	t.Helper()
	path := filepath.Join(dir, run.CheckpointsDir, stepFolder(step), "manifest.json")
	text, err := os.ReadFile(path)
	must(t, err)
	var fields map[string]any
	must(t, json.Unmarshal(text, &fields))
	delete(fields, "digest")
	alter(fields)
	plain, err := json.Marshal(fields)
	must(t, err)
	sum := sha256.Sum256(plain)
	fields["digest"] = hex.EncodeToString(sum[:])
	text, err = json.Marshal(fields)
	must(t, err)
	must(t, os.WriteFile(path, text, 0o666))
}

// An undamaged checkpoint of another run or program is refused: an older one would not fit either.
func TestForeignCheckpointIsRefused(t *testing.T) {
	j, dir := saved(t)
	refused := func(name string, j job, alter func(fields map[string]any), want ...string) {
		t.Run(name, func(t *testing.T) {
			foreign := copied(t, dir)
			if alter != nil {
				alterManifest(t, foreign, 6, alter)
			}
			_, warnings, err := resumed(t, j, foreign)
			oneLine(t, err, want...)
			if len(warnings) > 0 {
				t.Errorf("warnings: %q", warnings)
			}
		})
	}
	t.Run("unaltered", func(t *testing.T) {
		whole := copied(t, dir)
		alterManifest(t, whole, 6, func(map[string]any) {})
		if step, warnings, err := resumed(t, j, whole); step != 6 || warnings != nil || err != nil {
			t.Fatalf("step %d, warnings %q, error %v", step, warnings, err)
		}
	})
	refused("newer format", j,
		func(fields map[string]any) { fields["format"], fields["shards"] = checkpoint.FormatVersion+1, 4 },
		fmt.Sprintf("format %d", checkpoint.FormatVersion+1), "use a newer Parallax")
	refused("other method's checkpoint", j,
		func(fields map[string]any) { fields["method"] = "byol" }, "is of byol, not simclr")

	other := j
	other.method = "simsiam"
	refused("other method", other, nil, "is of simclr, not simsiam")
	wider := j
	wider.set = func(c *config.Config) { j.set(c); c.Backbone.Width = 16 }
	refused("other width", wider, nil,
		"the checkpoint does not fit the run", "backbone.conv1.weight", "[8 3 3 3]", "[16 3 3 3]")
	adam := j
	adam.set = func(c *config.Config) { j.set(c); c.Optim.Name = "adam" }
	refused("other optimiser", adam, nil, "the checkpoint does not fit the run", "optimiser")
}

// marks is a hook that rates the weights of each step as it is told.
type marks map[int]float64

func (marks) Name() string { return "marks" }

func (m marks) After(p *train.Progress) (train.Decision, error) {
	if v, ok := m[p.Step]; ok {
		p.Score(v, 0)
	}
	return nil, nil
}

func TestRetention(t *testing.T) {
	for _, c := range []struct {
		name       string
		keep       int
		marks      marks
		left       []int
		best       int // 0: no best.json
		score      float64
		bestEvents []int
	}{
		{"nothing is rated", 2, nil, []int{9, 10}, 0, 0, nil},
		{"keep one", 1, nil, []int{10}, 0, 0, nil},
		{"the best stays", 2, marks{2: 0.1, 4: 0.9, 6: 0.5, 10: 0.8}, []int{4, 9, 10}, 4, 0.9, []int{2, 4}},
		{"the last is the best", 2, marks{2: 0.1, 4: 0.2, 10: 0.3}, []int{9, 10}, 10, 0.3, []int{2, 4, 10}},
		{"of equals the later", 1, marks{2: 0.5, 4: 0.5, 6: 0.4}, []int{4, 10}, 4, 0.5, []int{2, 4}},
		{"below zero", 1, marks{3: -2, 5: -3}, []int{3, 10}, 3, -2, []int{3}},
		{"not a number", 1, marks{3: 0.5, 5: math.NaN()}, []int{3, 10}, 3, 0.5, []int{3}},
	} {
		t.Run(c.name, func(t *testing.T) {
			j := job{set: func(cfg *config.Config) { cfg.Train.SaveEvery, cfg.Train.Keep = 1, c.keep }}
			j.hooks = []train.Hook{c.marks}
			// The run is stopped and resumed on the way, and must not forget its best checkpoint.
			first, ctx := j.stopAt(t.Context(), 7)
			dir := filepath.Join(t.TempDir(), "run")
			if err := first.run(t, ctx, dir, false); !errors.Is(err, errStop) {
				t.Fatal(err)
			}
			must(t, j.run(t, t.Context(), dir, true))

			var left []string
			for _, step := range c.left {
				left = append(left, stepFolder(step))
			}
			if diff := cmp.Diff(left, folders(t, dir, run.CheckpointsDir)); diff != "" {
				t.Errorf("checkpoints: %s", diff)
			}
			var bestEvents []int
			for _, e := range everything(t, dir) {
				if e.Event == run.Saved && e.Best {
					bestEvents = append(bestEvents, e.Step)
				}
			}
			if diff := cmp.Diff(c.bestEvents, bestEvents); diff != "" {
				t.Errorf("steps that were the best so far: %s", diff)
			}
			text, err := os.ReadFile(filepath.Join(dir, run.BestFile))
			if c.best == 0 {
				if !os.IsNotExist(err) {
					t.Errorf("%s holds %s, %v", run.BestFile, text, err)
				}
				return
			}
			must(t, err)
			var got, want map[string]any
			must(t, json.Unmarshal(text, &got))
			want = map[string]any{
				"checkpoint": stepFolder(c.best), "step": float64(c.best), "score": c.score, "highest": c.score,
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: %s", run.BestFile, diff)
			}
		})
	}
}

// The encoder's file is for other programs: torchvision's bare names, float32, and nothing of this machine or moment.
func TestEncoderFile(t *testing.T) {
	dir := job{method: "byol"}.whole(t)
	path := filepath.Join(dir, run.EncoderFile)
	states, metadata, err := nn.ReadStates(path)
	must(t, err)
	shapes := map[string]string{}
	for _, s := range states {
		shapes[s.Name] = s.DType.String() + fmt.Sprint(s.Shape)
	}
	want := map[string]string{
		"conv1.weight": "F32[8 3 3 3]", "bn1.weight": "F32[8]", "bn1.bias": "F32[8]",
		"bn1.running_mean": "F32[8]", "bn1.running_var": "F32[8]", "bn1.num_batches_tracked": "I64[]",
	}
	if diff := cmp.Diff(want, shapes); diff != "" {
		t.Error(diff)
	}
	for key, value := range map[string]string{
		"architecture": "tiny", "width": "8", "features": "8", "method": "byol", "size": "16", "format": "pt",
	} {
		if metadata[key] != value {
			t.Errorf("metadata %s is %q, want %q", key, metadata[key], value)
		}
	}
	text, err := os.ReadFile(path)
	must(t, err)
	if bytes.Contains(text, []byte(filepath.Dir(dir))) || bytes.Contains(text, []byte("synthetic")) {
		t.Error("the file names a path")
	}
}
