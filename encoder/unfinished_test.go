// SPDX-License-Identifier: Apache-2.0

package encoder_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/checkpoint"
	"github.com/parallax-ssl/parallax/encoder"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/pretrain"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/train"
)

// A killed run has checkpoints and no encoder.safetensors. Its encoder is that of the newest whole checkpoint: DINO's
// teacher, or what the caller's own objective says.
func TestUnfinished(t *testing.T) {
	simclr, err := method.Find("simclr")
	if err != nil {
		t.Fatal(err)
	}
	own := simclr
	own.Name = "own"
	images := []*augment.Image{augment.NewImage(20, 30), augment.NewImage(16, 16)}
	for i := range images[0].Pix {
		images[0].Pix[i] = byte(i * i)
	}
	for _, c := range []struct {
		name     string
		settings []pretrain.Setting
	}{
		{"dino", []pretrain.Setting{
			pretrain.Set("method.outputs", 16), pretrain.Set("method.hidden", 16), pretrain.Set("method.bottleneck", 8),
			pretrain.Set("method.small_crops", 0),
		}},
		{own.Name, nil},
	} {
		dir := filepath.Join(t.TempDir(), "run")
		if _, err := pretrain.Run(context.Background(), &pretrain.Request{
			Preset: "tiny-cpu", Methods: []method.Entry{own}, Settings: append([]pretrain.Setting{
				pretrain.Set("method.name", c.name), pretrain.Set("data.path", "synthetic:32"),
				pretrain.Set("data.size", 16),
				pretrain.Set("backbone.width", 4), pretrain.Set("train.batch", 16), pretrain.Set("train.threads", 1),
				pretrain.Set("train.max_steps", 4), pretrain.Set("train.save_every", 2), pretrain.Set("train.keep", 2),
			}, c.settings...),
		}, pretrain.Options{Out: dir}); err != nil {
			t.Fatal(err)
		}
		embed := func() ([][]float32, encoder.Description, error) {
			e, err := encoder.Open(dir, encoder.Methods(own))
			if err != nil {
				return nil, encoder.Description{}, err
			}
			defer e.Close()
			rows, err := e.Embed(context.Background(), images)
			return rows, e.Describe(), err
		}
		want, finished, err := embed()
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(filepath.Join(dir, run.EncoderFile)); err != nil {
			t.Fatal(err)
		}
		got, about, err := embed()
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: the last checkpoint's features are not those of the exported encoder", c.name)
		}
		if about.Step != 4 || !reflect.DeepEqual(about.Encoder, finished.Encoder) {
			t.Errorf("%s: the checkpoint is described as %+v, the file as %+v", c.name, about, finished)
		}
		testCheckpoints(t, dir, own, images, want)
		if _, err := encoder.Open(dir); (c.name == own.Name) != (err != nil) {
			t.Errorf("%s, not named to Open: %v", c.name, err)
		}
		damage(t, dir, 4)
		if _, about, err := embed(); err != nil || about.Step != 2 {
			t.Errorf("%s: after the damage of step 4, step %d (%v)", c.name, about.Step, err)
		}
		damage(t, dir, 2)
		if _, _, err := embed(); err == nil || !strings.Contains(err.Error(), "none of the run's") ||
			strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: after the damage of all: %v", c.name, err)
		}
		if err := os.RemoveAll(filepath.Join(dir, run.CheckpointsDir)); err != nil {
			t.Fatal(err)
		}
		if _, _, err := embed(); err == nil || !strings.Contains(err.Error(), "pretrain --resume") {
			t.Errorf("%s: without a checkpoint: %v", c.name, err)
		}
	}
}

// testCheckpoints opens each of the checkpoints of steps 2 and 4 by name, the last of which has the features want.
func testCheckpoints(t *testing.T, dir string, own method.Entry, images []*augment.Image, want [][]float32) {
	t.Helper()
	var before [][]float32
	for _, step := range []int{2, 4} {
		e, err := encoder.Open(dir, encoder.Methods(own), encoder.Checkpoint(step))
		if err != nil {
			t.Fatal(err)
		}
		rows, err := e.Embed(context.Background(), images)
		if about := e.Describe(); err != nil || about.Step != step || reflect.DeepEqual(rows, before) {
			t.Errorf("the checkpoint of step %d: opened %+v (%v), with the features of step 2: %v", step, about, err,
				reflect.DeepEqual(rows, before))
		}
		before = rows
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}
	if !reflect.DeepEqual(before, want) {
		t.Error("the last checkpoint's features are not those of the exported encoder")
	}
	if _, err := encoder.Open(dir, encoder.Methods(own), encoder.Checkpoint(3)); err == nil {
		t.Error("a checkpoint that is not there was opened")
	}
}

// Checkpoints embeds by one checkpoint after the other, as Open does, and says what is wrong with a folder.
func TestCheckpoints(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	if _, err := pretrain.Run(context.Background(), &pretrain.Request{
		Preset: "tiny-cpu", Settings: []pretrain.Setting{
			pretrain.Set("method.name", "simclr"), pretrain.Set("data.path", "synthetic:32"),
			pretrain.Set("data.size", 16), pretrain.Set("backbone.width", 4), pretrain.Set("train.batch", 16),
			pretrain.Set("train.threads", 1), pretrain.Set("train.max_steps", 4), pretrain.Set("train.save_every", 2),
			pretrain.Set("train.keep", 2),
		},
	}, pretrain.Options{Out: dir}); err != nil {
		t.Fatal(err)
	}
	var c encoder.Checkpoints
	if err := c.Ready(); err != nil {
		t.Fatal(err)
	}
	images := []*augment.Image{augment.NewImage(20, 30), augment.NewImage(16, 16)}
	for i := range images[0].Pix {
		images[0].Pix[i] = byte(i * i)
	}
	for _, step := range []int{2, 4, 4, 2} {
		e, err := encoder.Open(dir, encoder.Checkpoint(step))
		if err != nil {
			t.Fatal(err)
		}
		want, err := e.Embed(context.Background(), images)
		if err != nil {
			t.Fatal(err)
		}
		e.Close()
		got, err := c.Embed(context.Background(), dir, step, images)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("step %d: %v (%v), want %v", step, got, err, want)
		}
	}
	_, err := c.Embed(context.Background(), t.TempDir(), 2, images)
	if err == nil || strings.Contains(err.Error(), "\n") {
		t.Errorf("an empty folder: %v", err)
	}
	if _, err := c.Embed(context.Background(), dir, 2, images); err != nil {
		t.Errorf("after an error: %v", err)
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := c.Embed(ended, dir, 2, images); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end of the context: %v", err)
	}
	if err := errors.Join(c.Close(), c.Close()); err != nil {
		t.Error(err)
	}
	if _, err := encoder.Open(filepath.Join(dir, run.EncoderFile), encoder.Checkpoint(2)); err == nil ||
		!strings.Contains(err.Error(), "a file has no checkpoints") {
		t.Errorf("a checkpoint of a file: %v", err)
	}
}

// A resumed run has the encoder of its earlier end until it saves a checkpoint, and then that checkpoint's.
func TestResumed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	if _, err := pretrain.Run(context.Background(), &pretrain.Request{
		Preset: "tiny-cpu", Settings: []pretrain.Setting{
			pretrain.Set("method.name", "simclr"), pretrain.Set("data.path", "synthetic:32"),
			pretrain.Set("data.size", 16), pretrain.Set("backbone.width", 4), pretrain.Set("train.batch", 16),
			pretrain.Set("train.threads", 1), pretrain.Set("train.max_steps", 4), pretrain.Set("train.save_every", 2),
		},
	}, pretrain.Options{Out: dir}); err != nil {
		t.Fatal(err)
	}
	export := filepath.Join(dir, run.EncoderFile)
	for _, c := range []struct{ fails, step int }{{5, 0}, {7, 6}} {
		_, err := pretrain.Resume(context.Background(), dir, []pretrain.Setting{pretrain.Set("train.max_steps", 8)},
			pretrain.Options{Prepare: func(_ *pretrain.Session, o *train.Options) error {
				o.Hooks = append(o.Hooks, failing(c.fails))
				return nil
			}})
		if !errors.Is(err, errFailing) {
			t.Fatalf("the run failed with %v", err)
		}
		if _, err := os.Stat(export); (c.step == 0) != (err == nil) {
			t.Errorf("after a failure in step %d: the exported encoder: %v", c.fails, err)
		}
		e, err := encoder.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		if about := e.Describe(); about.Step != c.step {
			t.Errorf("after a failure in step %d: opened %+v, want step %d", c.fails, about, c.step)
		}
		e.Close()
	}
	if _, err := pretrain.Resume(context.Background(), dir, nil, pretrain.Options{}); err != nil {
		t.Fatal(err)
	}
	if e, err := encoder.Open(dir); err != nil || e.Describe().Path != export {
		t.Errorf("of the finished run it opened %+v (%v)", e, err)
	} else {
		e.Close()
	}
}

// failing is a hook that fails in a step, as a full disk or a lost machine would.
type failing int

var errFailing = errors.New("failing")

func (f failing) Name() string { return "failing" }

func (f failing) After(p *train.Progress) (train.Decision, error) {
	if p.Step == int(f) {
		return nil, errFailing
	}
	return nil, nil
}

// damage flips one bit of a checkpoint's networks.
func damage(t *testing.T, dir string, step int) {
	t.Helper()
	path := filepath.Join(checkpoint.Path(dir, checkpoint.Name(step)), "model.safetensors")
	text, err := os.ReadFile(path)
	if err == nil {
		damaged := bytes.Clone(text)
		damaged[len(damaged)-1] ^= 1
		err = errors.Join(os.Remove(path), os.WriteFile(path, damaged, 0o666))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// The projector's output is that of the checkpoint's projector over the backbone's features.
func TestProjector(t *testing.T) {
	images := []*augment.Image{augment.NewImage(20, 30), augment.NewImage(16, 16)}
	for i := range images[0].Pix {
		images[0].Pix[i] = byte(i * i)
	}
	for name, set := range map[string]pretrain.Setting{
		"simclr":    pretrain.Set("method.projector.widths", "[24, 12]"),
		"directclr": pretrain.Set("method.dimensions", 6),
	} {
		dir := filepath.Join(t.TempDir(), "run")
		if _, err := pretrain.Run(context.Background(), &pretrain.Request{
			Preset: "tiny-cpu", Settings: []pretrain.Setting{
				pretrain.Set("method.name", name), pretrain.Set("data.path", "synthetic:32"),
				pretrain.Set("data.size", 16), pretrain.Set("backbone.width", 4), pretrain.Set("train.batch", 16),
				pretrain.Set("train.threads", 1), pretrain.Set("train.max_steps", 2), set,
			},
		}, pretrain.Options{Out: dir}); err != nil {
			t.Fatal(err)
		}
		rows := map[string][][]float32{}
		for _, layer := range []string{encoder.LayerBackbone, encoder.LayerProjector} {
			e, err := encoder.Open(dir, encoder.Layer(layer))
			if err != nil {
				t.Fatal(err)
			}
			if rows[layer], err = e.Embed(context.Background(), images); err != nil {
				t.Fatal(err)
			}
			if len(rows[layer][0]) != e.Features() {
				t.Errorf("%s, %s: rows of %d, it says %d", name, layer, len(rows[layer][0]), e.Features())
			}
			e.Close()
		}
		h, z := rows[encoder.LayerBackbone], rows[encoder.LayerProjector]
		switch name {
		case "simclr":
			if len(z[0]) != 12 {
				t.Errorf("z has %d dimensions", len(z[0]))
			}
		case "directclr": // its projector takes the first of the features
			if !reflect.DeepEqual(z[0], h[0][:6]) || !reflect.DeepEqual(z[1], h[1][:6]) {
				t.Errorf("z is %v of h %v", z[0], h[0])
			}
		}
	}
}
