// SPDX-License-Identifier: Apache-2.0

package checkpoint

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// FormatVersion is the newest version of checkpoints that this program reads and writes. Version 2 has an average;
// a checkpoint without one is still of version 1, which older programs read.
const FormatVersion = 2

const withoutAverage = 1

// The files of a checkpoint's folder.
const (
	networksFile  = "model.safetensors"
	optimizerFile = "optimizer.safetensors"
	hooksFile     = "hooks.safetensors"
	averageFile   = "average.safetensors" // only with an average
	manifestFile  = "manifest.json"
)

// Holds reports whether file is one of those that the manifest of a checkpoint beside it names. Such weights are those
// of a whole method, and how their images are prepared is in the configuration of the run.
func Holds(file string) bool {
	var m Manifest
	text, err := os.ReadFile(filepath.Join(filepath.Dir(file), manifestFile))
	return err == nil && json.Unmarshal(text, &m) == nil && m.Files[filepath.Base(file)] != ""
}

// ErrMisfit is wrapped by errors about a whole checkpoint that belongs to another run or another program.
var ErrMisfit = errors.New("the checkpoint does not fit the run")

// Manifest describes a checkpoint. It is the record of what belongs to the checkpoint's step: whatever else the run
// directory says about the step follows from the manifest, and is written after it.
type Manifest struct {
	Format int      `json:"format"`
	Method string   `json:"method"`
	Step   int      `json:"step"`
	Score  *float64 `json:"score,omitempty"` // the hooks' score for these weights
	Slack  float64  `json:"slack,omitempty"` // of the score, see Best.BeatenBy
	Doubt  bool     `json:"doubt,omitempty"` // the hooks found something wrong with them

	// Pending names the hook that a signal ended at this step, "" for none. A resume begins by calling it again.
	Pending string `json:"pending,omitempty"`

	Best   *Best             `json:"best,omitempty"`   // of the run, this checkpoint included; nil in older files
	Config map[string]string `json:"config,omitempty"` // see config.Record; nil in older files
	Data   string            `json:"data,omitempty"`   // digest of the images' content; "" if it is not known

	Files  map[string]string `json:"files"`            // name to SHA-256
	Digest string            `json:"digest,omitempty"` // of the manifest itself, see digest
}

// digest is the SHA-256 of a manifest's JSON without the digest, the keys sorted and no spaces. It tells a damaged
// manifest from one of another run or a newer format; unknown fields of a newer format count, too.
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

// signed returns m with its digest.
func (m Manifest) signed() (Manifest, error) {
	text, err := json.Marshal(m)
	if err != nil {
		return m, err
	}
	m.Digest, err = digest(text)
	return m, err
}

// ReadManifest reads the manifest of the checkpoint in folder. An error means that the manifest is damaged. A newer
// format is no error here: see [Manifest.Fits].
func ReadManifest(folder string) (Manifest, error) {
	text, err := os.ReadFile(filepath.Join(folder, manifestFile))
	if err != nil {
		return Manifest{}, err
	}
	return parseManifest(text, filepath.Base(folder))
}

// NewestManifest reads the manifest of the newest checkpoint of the run in dir whose manifest is whole. Without one it
// returns the zero Manifest.
func NewestManifest(dir string) (Manifest, error) {
	names, err := List(dir)
	if err != nil {
		return Manifest{}, err
	}
	for _, name := range slices.Backward(names) {
		if m, err := ReadManifest(Path(dir, name)); err == nil {
			return m, nil
		}
	}
	return Manifest{}, nil
}

// parseManifest reads the manifest of the checkpoint called name.
func parseManifest(text []byte, name string) (m Manifest, err error) {
	if err := json.Unmarshal(text, &m); err != nil {
		return m, fmt.Errorf("%s: %w", manifestFile, err)
	}
	if sum, err := digest(text); err != nil || sum != m.Digest || Name(m.Step) != name {
		return m, errors.Join(fmt.Errorf("the digest or step of %s does not match its content", manifestFile), err)
	}
	want := []string{hooksFile, networksFile, optimizerFile}
	if m.Format > withoutAverage {
		want = slices.Insert(want, 0, averageFile)
	}
	if m.Format <= FormatVersion && !slices.Equal(slices.Sorted(maps.Keys(m.Files)), want) {
		return m, fmt.Errorf("%s names other files than %s", manifestFile, strings.Join(want, ", "))
	}
	return m, nil
}

// Fits returns why this program cannot use a whole checkpoint in a run of the method, or nil; the error wraps
// [ErrMisfit].
func (m Manifest) Fits(method string) error {
	if m.Format > FormatVersion {
		return fmt.Errorf("%w: checkpoint %s has format %d and this program reads up to %d: use a newer Parallax",
			ErrMisfit, Name(m.Step), m.Format, FormatVersion)
	}
	if m.Method != method {
		return fmt.Errorf("%w: checkpoint %s is of %s, not %s", ErrMisfit, Name(m.Step), m.Method, method)
	}
	return nil
}
