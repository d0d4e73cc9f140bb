// SPDX-License-Identifier: Apache-2.0

package train

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/torch"
)

// FormatVersion is the version of the checkpoints this program writes. It reads no newer ones.
const FormatVersion = 1

// A checkpoint is a folder, checkpoints/step-NNNNNNNN, of these files. It is written under a temporary name and renamed,
// so a folder of that name is complete; the manifest's hashes tell whether it still is.
const (
	modelFile     = "model.safetensors"
	optimizerFile = "optimizer.safetensors"
	hooksFile     = "hooks.safetensors"
	manifestFile  = "manifest.json"

	stepPrefix = "step-"
	writing    = ".writing-" // begins the name of a folder that is being written
)

// manifest says what a checkpoint is.
type manifest struct {
	Format int               `json:"format"`
	Method string            `json:"method"`
	Step   int               `json:"step"`
	Score  *float64          `json:"score,omitempty"`  // what the hooks rated these weights
	Doubt  bool              `json:"doubt,omitempty"`  // whether they found them wrong
	Files  map[string]string `json:"files"`            // name to SHA-256
	Digest string            `json:"digest,omitempty"` // of the manifest itself, see digest
}

// bestCheckpoint is the content of best.json: the newest checkpoint that the hooks rated highest, or nearly so.
type bestCheckpoint struct {
	Checkpoint string  `json:"checkpoint"`
	Step       int     `json:"step"`
	Score      float64 `json:"score"`
	Highest    float64 `json:"highest"` // the highest score that a checkpoint had
}

// rating is what a hook has rated the weights of a step.
type rating struct {
	score, slack float64
	known        bool
}

// beats says whether a checkpoint with this rating takes the place of the best one.
func (r rating) beats(b bestCheckpoint) bool {
	return r.known && r.score >= b.highest()-r.slack*math.Abs(b.highest())
}

// highest is the highest score so far, -Inf without one.
func (b bestCheckpoint) highest() float64 {
	if b.Checkpoint == "" {
		return -math.MaxFloat64
	}
	return math.Max(b.Score, b.Highest) // one or the other is missing in a file from before there was Highest
}

func checkpointName(step int) string { return fmt.Sprintf("%s%08d", stepPrefix, step) }

// save writes a checkpoint of the current step, unless there is one, and forgets old ones.
func (t *Trainer) save() error {
	if t.saved == t.step {
		return nil
	}
	if err := t.checkWeights(); err != nil {
		return err
	}
	if err := t.log.Sync(); err != nil {
		return err
	}
	m := manifest{Format: FormatVersion, Method: t.Config.Method.Name, Step: t.step, Doubt: t.doubted, Files: map[string]string{}}
	if t.rating.known {
		m.Score = &t.rating.score
	}
	name := checkpointName(t.step)
	if err := t.write(name, m); err != nil {
		return fmt.Errorf("saving a checkpoint: %w", err)
	}
	t.saved = t.step
	if !t.doubted {
		t.sound = name
	}
	isBest := !t.doubted && t.step > 0 && t.rating.beats(t.best)
	if isBest {
		t.best = bestCheckpoint{name, t.step, t.rating.score, math.Max(t.rating.score, t.best.highest())}
		if err := run.WriteFile(t.Dir.Path(run.BestFile), asJSON(t.best)); err != nil {
			return err
		}
	}
	if err := t.prune(); err != nil {
		return err
	}
	return t.emit(run.Event{Event: run.Saved, File: filepath.Join(run.CheckpointsDir, name), Best: isBest})
}

// write makes the checkpoint folder: files into a temporary folder, each fsynced; rename; fsync of the folder around.
func (t *Trainer) write(name string, m manifest) error {
	folder := t.Dir.Path(run.CheckpointsDir)
	temporary := filepath.Join(folder, writing+name)
	if err := os.RemoveAll(temporary); err != nil {
		return err
	}
	if err := os.MkdirAll(temporary, 0o777); err != nil {
		return err
	}
	err := t.fill(temporary, m)
	if err == nil {
		err = os.RemoveAll(filepath.Join(folder, name)) // a damaged one that resume went past
	}
	if err == nil {
		err = run.Rename(temporary, filepath.Join(folder, name))
	}
	if err != nil {
		return errors.Join(err, os.RemoveAll(temporary))
	}
	return nil
}

func (t *Trainer) fill(folder string, m manifest) error {
	var model, optimizer, hooks []nn.State
	if err := torch.Scope(func() error {
		model, optimizer = t.params.State(), t.optimizer.State()
		for _, h := range t.Hooks {
			if k, ok := h.(Keeper); ok {
				hooks = append(hooks, renamed(k.State(), func(name string) string { return h.Name() + "/" + name })...)
			}
		}
		return nil
	}); err != nil {
		return err
	}
	for name, states := range map[string][]nn.State{modelFile: model, optimizerFile: optimizer, hooksFile: hooks} {
		hash := sha256.New()
		if err := run.WriteFile(filepath.Join(folder, name), func(w io.Writer) error {
			return nn.WriteStates(io.MultiWriter(w, hash), states, nil)
		}); err != nil {
			return err
		}
		m.Files[name] = hex.EncodeToString(hash.Sum(nil))
	}
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if m.Digest, err = digest(text); err != nil {
		return err
	}
	return run.WriteFile(filepath.Join(folder, manifestFile), asJSON(m))
}

// digest is the SHA-256 of a manifest's JSON with the digest taken out, the keys sorted and no spaces. It tells a damaged
// manifest from one of another run or a newer format, whose unknown fields count, too.
func digest(text []byte) (string, error) {
	var fields map[string]any
	if err := json.Unmarshal(text, &fields); err != nil {
		return "", err
	}
	delete(fields, "digest")
	canonical, err := json.Marshal(fields)
	sum := sha256.Sum256(canonical)
	return hex.EncodeToString(sum[:]), err
}

// prune removes what a crash left half written, and all checkpoints up to this step but the newest train.keep, the best, and
// the one that the run would go back to. One from after this step is a damaged one that resume went past: it must not count as the newest.
func (t *Trainer) prune() error {
	all, err := checkpoints(t.Dir)
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(name string) bool { return name > checkpointName(t.step) })
	old, err := filepath.Glob(filepath.Join(t.Dir.Path(run.CheckpointsDir), writing+"*"))
	if err != nil {
		return fmt.Errorf("listing half-written checkpoints: %w", err)
	}
	for _, path := range old {
		if err := os.RemoveAll(path); err != nil {
			return fmt.Errorf("removing a half-written checkpoint: %w", err)
		}
	}
	for i, name := range all {
		if i >= len(all)-t.Config.Train.Keep || name == t.best.Checkpoint || name == t.sound && t.Config.Train.OnCollapse == config.Rewind {
			continue
		}
		if err := os.RemoveAll(t.Dir.Path(run.CheckpointsDir, name)); err != nil {
			return fmt.Errorf("removing an old checkpoint: %w", err)
		}
	}
	return nil
}

// checkpoints lists the checkpoint folders of a run, oldest first.
func checkpoints(d *run.Dir) ([]string, error) {
	entries, err := os.ReadDir(d.Path(run.CheckpointsDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing checkpoints: %w", err)
	}
	var names []string
	for _, e := range entries {
		if e.IsDir() && strings.HasPrefix(e.Name(), stepPrefix) {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names, nil
}

// Resume loads the newest checkpoint that is whole. A damaged one is reported through warn and passed over. Without any
// checkpoint the run starts at step 0.
func (t *Trainer) Resume(warn func(string)) error {
	names, err := checkpoints(t.Dir)
	if err != nil {
		return err
	}
	for _, name := range slices.Backward(names) {
		m, err := t.load(name)
		if err == nil {
			t.step, t.saved, t.doubted = m.Step, m.Step, m.Doubt
			t.findSound(names)
			return t.loadBest()
		}
		if errors.Is(err, errRefused) {
			return err
		}
		warn(fmt.Sprintf("checkpoint %s is damaged (%v): going back to the one before", name, err))
	}
	if len(names) > 0 {
		return fmt.Errorf("none of the %d checkpoints in %s can be read: start again with another --out", len(names), t.Dir.Path(run.CheckpointsDir))
	}
	return nil
}

// errRefused is wrapped by errors about a checkpoint that is whole but not this run's.
var errRefused = errors.New("the checkpoint does not fit the run")

func (t *Trainer) load(name string) (manifest, error) {
	folder := t.Dir.Path(run.CheckpointsDir, name)
	m, err := readManifest(folder)
	if err != nil {
		return m, err
	}
	if m.Format > FormatVersion {
		return m, fmt.Errorf("%w: checkpoint %s has format %d and this program reads up to %d: use a newer Parallax", errRefused, name, m.Format, FormatVersion)
	}
	if m.Method != t.Config.Method.Name {
		return m, fmt.Errorf("%w: checkpoint %s is of %s, not %s", errRefused, name, m.Method, t.Config.Method.Name)
	}
	states := map[string][]nn.State{}
	for file, want := range m.Files {
		if states[file], err = readVerified(filepath.Join(folder, file), want); err != nil {
			return m, err
		}
	}
	return m, torch.Scope(func() error {
		if err := t.params.Load(states[modelFile]); err != nil {
			return fmt.Errorf("%w: %w", errRefused, err)
		}
		if err := t.optimizer.Load(states[optimizerFile]); err != nil {
			return fmt.Errorf("%w: %w", errRefused, err)
		}
		for _, h := range t.Hooks {
			k, ok := h.(Keeper)
			if !ok {
				continue
			}
			prefix := h.Name() + "/"
			var own []nn.State
			for _, s := range states[hooksFile] {
				if strings.HasPrefix(s.Name, prefix) {
					own = append(own, s)
				}
			}
			if err := k.Load(renamed(own, func(name string) string { return strings.TrimPrefix(name, prefix) })); err != nil {
				return fmt.Errorf("%w: %s: %w", errRefused, h.Name(), err)
			}
		}
		return nil
	})
}

func readManifest(folder string) (m manifest, err error) {
	text, err := os.ReadFile(filepath.Join(folder, manifestFile))
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return m, fmt.Errorf("%s: %w", manifestFile, err)
	}
	if sum, err := digest(text); err != nil || sum != m.Digest || checkpointName(m.Step) != filepath.Base(folder) {
		return m, errors.Join(fmt.Errorf("%s has another digest or step than it says", manifestFile), err)
	}
	want := []string{hooksFile, modelFile, optimizerFile}
	if m.Format <= FormatVersion && !slices.Equal(slices.Sorted(maps.Keys(m.Files)), want) {
		return m, fmt.Errorf("%s names other files than %s", manifestFile, strings.Join(want, ", "))
	}
	return m, nil
}

// readVerified reads a safetensors file after checking its hash.
func readVerified(path, want string) ([]nn.State, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, f); err != nil {
		return nil, err
	}
	if got := hex.EncodeToString(hash.Sum(nil)); got != want {
		return nil, fmt.Errorf("%s has another SHA-256 than its manifest says", filepath.Base(path))
	}
	states, _, err := nn.ReadStates(path)
	return states, err
}

// loadBest reads which checkpoint was the best. One that is gone, or from after the step, is forgotten.
func (t *Trainer) loadBest() error {
	text, err := os.ReadFile(t.Dir.Path(run.BestFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var b bestCheckpoint
	if err := json.Unmarshal(text, &b); err != nil {
		return nil // it will be written anew
	}
	if _, err := os.Stat(t.Dir.Path(run.CheckpointsDir, b.Checkpoint)); err == nil && b.Step <= t.step {
		t.best = b
	}
	return nil
}

// export writes the backbone on its own: torchvision's names, float32, the architecture in the metadata, nothing that
// differs between equal runs.
func (t *Trainer) export() error {
	var states []nn.State
	if err := torch.Scope(func() error {
		for _, n := range t.encoder.Params.All() {
			states = append(states, nn.StateOf(t.encoder.Params.Local(n), n.Tensor))
		}
		return nil
	}); err != nil {
		return err
	}
	c := t.Config
	metadata := map[string]string{
		"format": "pt", "architecture": c.Backbone.Name, "width": fmt.Sprint(c.Backbone.Width), "stem": c.Backbone.Stem, "norm": c.Backbone.Norm,
		"features": fmt.Sprint(t.encoder.Features), "size": fmt.Sprint(c.Data.Size), "method": c.Method.Name,
		"mean": fmt.Sprint(c.Data.Mean), "std": fmt.Sprint(c.Data.Std),
	}
	return run.WriteFile(t.Dir.Path(run.EncoderFile), func(w io.Writer) error { return nn.WriteStates(w, states, metadata) })
}

func renamed(states []nn.State, rename func(string) string) []nn.State {
	out := slices.Clone(states)
	for i := range out {
		out[i].Name = rename(out[i].Name)
	}
	return out
}

func asJSON(v any) func(io.Writer) error {
	return func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(v)
	}
}
