// SPDX-License-Identifier: Apache-2.0

package checkpoint

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"

	"github.com/parallax-ssl/parallax/run"
)

// Best is the content of best.json: the newest checkpoint with the hooks' highest score, or nearly the highest.
type Best struct {
	Checkpoint string  `json:"checkpoint"` // its name; "" for none
	Step       int     `json:"step"`
	Score      float64 `json:"score"`
	Highest    float64 `json:"highest"` // the highest score that a checkpoint had
}

// ReadBest reads which checkpoint of the run in dir is the best. An error that is not a [*fs.PathError] means that the
// file is damaged.
func ReadBest(dir string) (b Best, err error) {
	path := filepath.Join(dir, run.BestFile)
	text, err := os.ReadFile(path)
	if err != nil {
		return b, err
	}
	if err := json.Unmarshal(text, &b); err != nil {
		return Best{}, fmt.Errorf("reading %s: %w", path, err)
	}
	return b, nil
}

// Write records b as the best checkpoint of the run in dir.
func (b Best) Write(dir string) error {
	return run.WriteFile(filepath.Join(dir, run.BestFile), run.JSON(b))
}

// Publish makes best.json say what b says: it writes the file, or removes it if b names no checkpoint. It reports
// whether the file said something else.
func (b Best) Publish(dir string) (changed bool, err error) {
	path := filepath.Join(dir, run.BestFile)
	if b.Checkpoint == "" {
		err := os.Remove(path)
		if errors.Is(err, fs.ErrNotExist) {
			return false, nil
		}
		return true, err
	}
	if now, err := ReadBest(dir); err == nil && now == b {
		return false, nil
	}
	return true, b.Write(dir)
}

// BestUpTo returns the best checkpoint of the run in dir at a step, by the manifests. If that checkpoint is gone, since
// a resume went back to before the checkpoint that displaced it, the answer is the one that it had displaced, and so
// on. known is false if no manifest says anything, as in runs from before manifests did.
func BestUpTo(dir string, step int) (b Best, known bool, err error) {
	names, err := List(dir)
	if err != nil {
		return b, false, err
	}
	for _, name := range slices.Backward(names) {
		m, err := ReadManifest(Path(dir, name))
		if err != nil || m.Step > step || m.Best == nil {
			continue
		}
		known = true
		if _, err := ReadManifest(Path(dir, m.Best.Checkpoint)); err == nil || m.Best.Checkpoint == "" {
			return *m.Best, true, nil
		}
	}
	return b, known, nil
}

// BeatenBy reports whether a checkpoint with this score takes b's place: whether the score is at most slack below the
// highest score. slack is a share of the highest score.
func (b Best) BeatenBy(score, slack float64) bool {
	return score >= b.highest()-slack*math.Abs(b.highest())
}

// Next returns the newer checkpoint that takes b's place.
func (b Best) Next(name string, step int, score float64) Best {
	return Best{name, step, score, math.Max(score, b.highest())}
}

// highest returns the highest score so far, or -MaxFloat64 if there is none.
func (b Best) highest() float64 {
	if b.Checkpoint == "" {
		return -math.MaxFloat64
	}
	return math.Max(b.Score, b.Highest) // files from before there was Highest lack it
}
