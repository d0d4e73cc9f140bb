// SPDX-License-Identifier: Apache-2.0

package checkpoint

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"

	"github.com/google/go-cmp/cmp"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// sample is the checkpoint of a step, with a few numbers.
func sample(step int) *Checkpoint {
	state := func(name string, b byte) []nn.State {
		return []nn.State{{Name: name, DType: torch.F32, Shape: []int{1}, Bytes: []byte{b, 0, 0, 0}}}
	}
	return &Checkpoint{
		Manifest: Manifest{Method: "simclr", Step: step},
		Networks: state("w", 1), Optimizer: state("m", 2), Hooks: state("h/x", 3),
	}
}

func TestReadGivesBackWhatWriteSaved(t *testing.T) {
	dir := t.TempDir()
	c := sample(3)
	score := 0.5
	c.Score, c.Doubt = &score, true
	name, err := Write(dir, c)
	must(t, err)
	if name != "step-00000003" {
		t.Errorf("the name is %s", name)
	}
	back, err := Read(Path(dir, name), "simclr")
	must(t, err)
	if diff := cmp.Diff(c, back); diff != "" {
		t.Error(diff)
	}
	networks, err := ReadNetworks(Path(dir, name), "simclr")
	must(t, err)
	if diff := cmp.Diff(c.Networks, networks.Networks); diff != "" || networks.Optimizer != nil ||
		networks.Hooks != nil {
		t.Errorf("%s, %v, %v", diff, networks.Optimizer, networks.Hooks)
	}
}

// Both readers detect a damaged manifest and damaged weights; only Read checks the rest.
func TestDamage(t *testing.T) {
	dir := t.TempDir()
	for file, seen := range map[string][2]bool{manifestFile: {true, true}, networksFile: {true, true},
		optimizerFile: {true, false}, hooksFile: {true, false}} {
		name, err := Write(dir, sample(7))
		must(t, err)
		path := filepath.Join(Path(dir, name), file)
		text, err := os.ReadFile(path)
		must(t, err)
		text[len(text)/2] ^= 1
		must(t, os.WriteFile(path, text, 0o666))
		_, whole := Read(Path(dir, name), "simclr")
		_, networks := ReadNetworks(Path(dir, name), "simclr")
		if (whole != nil) != seen[0] || (networks != nil) != seen[1] || errors.Is(whole, ErrMisfit) {
			t.Errorf("%s: Read says %v, ReadNetworks %v", file, whole, networks)
		}
	}
}

func TestMisfit(t *testing.T) {
	dir := t.TempDir()
	name, err := Write(dir, sample(7))
	must(t, err)
	_, err = Read(Path(dir, name), "byol")
	if want := "the checkpoint does not fit the run: checkpoint step-00000007 is of simclr, not byol"; !errors.Is(err,
		ErrMisfit) || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	newer, err := Manifest{Format: FormatVersion + 1, Method: "simclr", Step: 7,
		Files: map[string]string{"shard-1": ""}}.signed()
	must(t, err)
	text, err := json.Marshal(newer)
	must(t, err)
	must(t, os.WriteFile(filepath.Join(Path(dir, name), manifestFile), text, 0o666))
	_, err = Read(Path(dir, name), "simclr")
	if want := "the checkpoint does not fit the run: checkpoint step-00000007 has format 3 and this program reads up " +
		"to 2: use a newer Parallax"; !errors.Is(err, ErrMisfit) || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

func TestPruneAndForget(t *testing.T) {
	dir := t.TempDir()
	for step := range 6 {
		_, err := Write(dir, sample(step))
		must(t, err)
	}
	must(t, os.Mkdir(Path(dir, writing+Name(9)), 0o777))
	must(t, Prune(dir, 4, 2, Name(1), ""))
	left, err := List(dir)
	must(t, err)
	if diff := cmp.Diff([]string{Name(1), Name(3), Name(4), Name(5)}, left); diff != "" {
		t.Error(diff)
	}
	if entries, err := os.ReadDir(filepath.Dir(Path(dir, ""))); err != nil || len(entries) != 1 {
		t.Errorf("beside the checkpoints: %v, %v", entries, err)
	}
	must(t, Forget(dir, Name(3)))
	left, err = List(dir)
	must(t, err)
	if diff := cmp.Diff([]string{Name(1), Name(3)}, left); diff != "" {
		t.Error(diff)
	}
}

func TestBest(t *testing.T) {
	dir := t.TempDir()
	var b Best
	if !b.BeatenBy(-5, 0) {
		t.Error("without a best checkpoint any is")
	}
	b = b.Next(Name(2), 2, 40)
	if !b.BeatenBy(30, 0.25) || b.BeatenBy(29, 0.25) {
		t.Error("what is within the slack of the highest score takes its place, and nothing below")
	}
	b = b.Next(Name(4), 4, 32)
	if b.BeatenBy(29, 0.25) {
		t.Error("the slack counts from the highest score there was, not from the best checkpoint's")
	}
	must(t, b.Write(dir))
	back, err := ReadBest(dir)
	must(t, err)
	if back != b {
		t.Errorf("read %+v, wrote %+v", back, b)
	}
}

// A checkpoint with an average is of the newer format; whoever reads its networks gets the average.
func TestAverage(t *testing.T) {
	dir := t.TempDir()
	averages := [][]nn.State{nil, {{Name: "w", DType: torch.F32, Shape: []int{1}, Bytes: []byte{9, 0, 0, 0}}}}
	for step, average := range averages {
		c := sample(step)
		c.Average = average
		name, err := Write(dir, c)
		must(t, err)
		if c.Format != 1+step {
			t.Errorf("the format is %d with the average %v", c.Format, average)
		}
		whole, err := Read(Path(dir, name), "simclr")
		must(t, err)
		if diff := cmp.Diff(c, whole); diff != "" {
			t.Error(diff)
		}
		networks, err := ReadNetworks(Path(dir, name), "simclr")
		must(t, err)
		want := c.Networks
		if average != nil {
			want = average
		}
		if diff := cmp.Diff(want, networks.Networks); diff != "" {
			t.Error(diff)
		}
	}
}

func FuzzManifest(f *testing.F) {
	m, err := Manifest{Format: withoutAverage, Method: "simclr", Step: 7,
		Files: map[string]string{hooksFile: "1", networksFile: "2", optimizerFile: "3"}}.signed()
	must(f, err)
	whole, err := json.Marshal(m)
	must(f, err)
	m.Format, m.Files[averageFile] = FormatVersion, "4"
	averaged, err := m.signed()
	must(f, err)
	text, err := json.Marshal(averaged)
	must(f, err)
	f.Add(text)
	for _, seed := range []string{string(whole), "", "{}", "null", "[]", `{"step":7,"digest":""}`, strings.Replace(string(whole), "simclr", "byol", 1)} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := parseManifest(text, Name(7))
		if err != nil {
			return
		}
		if m.Step != 7 || m.Digest == "" || m.Format <= FormatVersion && len(m.Files) != 2+m.Format {
			t.Errorf("%s is accepted as %+v", text, m)
		}
	})
}

var example = Encoder{Architecture: "resnet8", Width: 4, Stem: "small", Norm: "batch", Features: 16, Size: 16,
	Method: "simclr",
	Mean:   []float64{0.5, 1. / 3, 1e-7}, Std: []float64{0.2, 0.3, 0.1}}

func TestEncoderMetadata(t *testing.T) {
	want := map[string]string{"format": "pt", "architecture": "resnet8", "width": "4", "stem": "small",
		"norm": "batch", "features": "16",
		"size": "16", "method": "simclr", "mean": "[0.5 0.3333333333333333 1e-07]", "std": "[0.2 0.3 0.1]"}
	if diff := cmp.Diff(want, example.Metadata()); diff != "" {
		t.Error(diff)
	}
	back, err := ParseEncoder(example.Metadata())
	must(t, err)
	if !cmp.Equal(back, example) {
		t.Errorf("read %+v, wrote %+v", back, example)
	}
}

func FuzzParseEncoder(f *testing.F) {
	m := example.Metadata()
	for _, key := range slices.Sorted(maps.Keys(m)) {
		f.Add(key, m[key])
	}
	f.Add("mean", "[NaN 0 0]")
	f.Add("std", "[]")
	f.Add("width", "99999999999999999999")
	f.Add("channels_of", "keep")
	f.Fuzz(func(t *testing.T, key, value string) {
		m := example.Metadata()
		m[key] = value
		d, err := ParseEncoder(m)
		if err != nil {
			return
		}
		if d.Architecture == "" || d.Width < 1 || d.Size < 8 || d.Size > 4096 || d.Features < 1 {
			t.Errorf("%+v is accepted", d)
		}
		if len(d.Mean) != len(d.Std) || len(d.Mean) < 1 || d.Kept == "" && len(d.Mean) != 3 {
			t.Fatalf("%+v is accepted", d)
		}
		for i := range d.Mean {
			if d.Kept == "" && !(d.Mean[i] >= 0 && d.Mean[i] <= 1 && d.Std[i] <= 1) || !(d.Std[i] > 0) {
				t.Errorf("%+v is accepted", d)
			}
		}
	})
}
