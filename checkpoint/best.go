// SPDX-License-Identifier: Apache-2.0

package checkpoint

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"

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
