// SPDX-License-Identifier: Apache-2.0

package subject

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/parallax-ssl/parallax/checkpoint"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/run"
)

// Traces are what a job left on disk, as far as it must not depend on how often the job was interrupted: by name, a
// hash or a short text. Times are left out.
type Traces map[string]string

// Read reads the traces of a job in a folder.
func Read(j Job, folder string) (Traces, error) {
	t, err := ReadWithoutEvents(j, folder)
	if err != nil {
		return nil, err
	}
	for _, name := range j.Runs() {
		if err := t.events(filepath.Join(j.Dir(folder), name, run.MetricsFile), name); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// ReadWithoutEvents is Read without metrics.jsonl.
func ReadWithoutEvents(j Job, folder string) (Traces, error) {
	t := Traces{}
	for _, name := range j.Runs() {
		if err := t.run(filepath.Join(j.Dir(folder), name), j.Method(name), name); err != nil {
			return nil, err
		}
	}
	if j != Cluster {
		return t, nil
	}
	// The report has no times; the sheets are pictures of the clusters.
	files := []string{"clusters.csv", "report.json", "neighbours.safetensors", "kmeans/clusters.csv"}
	sheets, err := filepath.Glob(filepath.Join(j.Dir(folder), "contact", "*.png"))
	for _, s := range sheets {
		files = append(files, "contact/"+filepath.Base(s))
	}
	for _, f := range files {
		err = errors.Join(err, t.file(filepath.Join(j.Dir(folder), f), f))
	}
	return t, err
}

// file adds the hash of a file.
func (t Traces) file(path, name string) error {
	data, err := os.ReadFile(path)
	t[name] = short(data)
	return err
}

func short(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:8])
}

// run adds a run directory.
func (t Traces) run(dir, method, prefix string) error {
	name := func(s string) string { return filepath.ToSlash(filepath.Join(prefix, s)) }
	if err := t.file(filepath.Join(dir, run.EncoderFile), name(run.EncoderFile)); err != nil {
		return err
	}
	if err := t.file(filepath.Join(dir, "head.safetensors"), name("head")); errors.Is(err, fs.ErrNotExist) {
		delete(t, name("head"))
	} else if err != nil {
		return err
	}
	all, err := checkpoint.List(dir)
	if err != nil || len(all) == 0 {
		return fmt.Errorf("%s has no checkpoint: %w", dir, err)
	}
	last := all[len(all)-1]
	c, err := checkpoint.Read(checkpoint.Path(dir, last), method)
	if err != nil {
		return fmt.Errorf("%s: %w", last, err)
	}
	t[name("last checkpoint")] = last
	for part, states := range map[string][]nn.State{"networks": c.Networks, "optimizer": c.Optimizer,
		"hooks": c.Hooks} {
		t[name(part)] = tensors(states)
	}
	if best, err := checkpoint.ReadBest(dir); err == nil {
		t[name("best")] = fmt.Sprintf("%+v", best)
		if best.Checkpoint != "" {
			b, err := checkpoint.Read(checkpoint.Path(dir, best.Checkpoint), method)
			if err != nil {
				return fmt.Errorf("the best checkpoint: %w", err)
			}
			t[name("best networks")] = tensors(b.Networks)
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// tensors hashes tensors in the order of their names.
func tensors(states []nn.State) string {
	states = slices.Clone(states)
	slices.SortFunc(states, func(a, b nn.State) int { return strings.Compare(a.Name, b.Name) })
	var all bytes.Buffer
	for _, s := range states {
		fmt.Fprintln(&all, s.Name, s.DType, s.Shape)
		all.Write(s.Bytes)
	}
	return short(all.Bytes())
}

// times are the keys of an event that differ between equal runs.
var times = []string{"images_per_second", "data_wait"}

// events adds the lines of metrics.jsonl by their step. Lines that say that a run was interrupted or resumed are left
// out, and so are those of a checkpoint that only an interruption made.
func (t Traces) events(path, prefix string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	count := map[string]int{}
	for i, line := range strings.Split(strings.TrimSuffix(string(text), "\n"), "\n") {
		var e map[string]any
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			return fmt.Errorf("%s: line %d: %w", path, i+1, err)
		}
		kind, _ := e["event"].(string)
		step, _ := e["step"].(float64)
		scheduled := int(step)%SaveEvery == 0 || step == Steps
		if kind == run.Resumed || kind == run.End && e["reason"] != run.Finished || kind == run.Saved && !scheduled {
			continue
		}
		if kind == run.Saved {
			delete(e, "message") // that a signal asked for it
		}
		maps.DeleteFunc(e, func(key string, _ any) bool { return slices.Contains(times, key) })
		canonical, err := json.Marshal(e)
		if err != nil {
			return err
		}
		key := fmt.Sprintf("%sstep %v: %s", prefix, step, kind)
		for _, field := range []string{"probe", "of"} {
			if v, ok := e[field].(string); ok {
				key += " " + v
			}
		}
		// What a signal stopped in an evaluation is saved again after the evaluation: the last line counts.
		if count[key]++; count[key] > 1 && kind != run.Saved {
			key = fmt.Sprintf("%s (%d)", key, count[key])
		}
		t[key] = string(canonical)
	}
	return nil
}

// WithoutEvents are the traces without those of metrics.jsonl.
func (t Traces) WithoutEvents() Traces {
	t = maps.Clone(t)
	maps.DeleteFunc(t, func(name, _ string) bool { return strings.Contains(name, ": ") })
	return t
}

// Differences says how other traces differ from t: a few of the names.
func (t Traces) Differences(other Traces) string {
	var all []string
	names := map[string]bool{}
	for name := range t {
		names[name] = true
	}
	for name := range other {
		names[name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		a, had := t[name]
		b, has := other[name]
		switch {
		case !has:
			all = append(all, "lacks "+name)
		case !had:
			all = append(all, "has besides "+name)
		case a != b && len(a)+len(b) < 200:
			all = append(all, fmt.Sprintf("%s is %s, not %s", name, b, a))
		case a != b:
			all = append(all, "other "+name)
		}
	}
	if len(all) > 6 {
		all = append(all[:6], fmt.Sprintf("and %d more", len(all)-6))
	}
	return strings.Join(all, "; ")
}
