// SPDX-License-Identifier: Apache-2.0

package checkpoint

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/internal/printable"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/run"
)

// Encoder describes the network of an exported encoder: the metadata of encoder.safetensors.
type Encoder struct {
	Architecture string    // the backbone, as in --backbone
	Width        int       // channels of its first stage
	Stem, Norm   string    // the backbone's first layers, and its kind of normalisation
	Features     int       // the width of a row of features
	Size         int       // side in pixels of the images that enter the network
	Method       string    // the objective that trained it
	Mean, Std    []float64 // of the training images, one of each channel, for the values of their pixels as decoded
	// Kept says how image files are decoded, as dataset.Options.Channels does: "keep" or "pages"; "" is 8-bit RGB.
	Kept    string
	Samples string // of the files, such as "uint16", if channels are kept
}

// Channels returns the number of channels of the images that enter the network.
func (e Encoder) Channels() int { return len(e.Mean) }

// Format returns what the images have, as they are decoded.
func (e Encoder) Format() augment.Format {
	if e.Kept == "" {
		return augment.Format{Channels: 3, Samples: "uint8"}
	}
	return augment.Format{Channels: e.Channels(), Samples: e.Samples}
}

// Normalize returns the statistics by which the images that enter the network are normalised.
func (e Encoder) Normalize() augment.Normalize {
	n := augment.Normalize{Mean: make([]float32, len(e.Mean)), Std: make([]float32, len(e.Std))}
	for i := range e.Mean {
		n.Mean[i], n.Std[i] = float32(e.Mean[i]), float32(e.Std[i])
	}
	return n
}

// WriteEncoder exports an encoder of the run in dir, with the weights under the backbone's local names. Equal runs give
// equal files.
func WriteEncoder(dir string, e Encoder, states []nn.State) error {
	return run.WriteFile(filepath.Join(dir, run.EncoderFile), func(w io.Writer) error {
		return nn.WriteStates(w, states, e.Metadata())
	})
}

// Exported reports whether the encoder.safetensors of the run in dir is what [WriteEncoder] would write.
func (e Encoder) Exported(dir string, states []nn.State) (bool, error) {
	want := sha256.New()
	if err := nn.WriteStates(want, states, e.Metadata()); err != nil {
		return false, err
	}
	f, err := os.Open(filepath.Join(dir, run.EncoderFile))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	have := sha256.New()
	if _, err := io.Copy(have, f); err != nil {
		return false, err
	}
	return bytes.Equal(have.Sum(nil), want.Sum(nil)), nil
}

// Metadata returns e as the file stores it; [ParseEncoder] reads it back.
func (e Encoder) Metadata() map[string]string {
	m := map[string]string{
		"format": "pt", "architecture": e.Architecture, "width": fmt.Sprint(e.Width), "stem": e.Stem, "norm": e.Norm,
		"features": fmt.Sprint(e.Features), "size": fmt.Sprint(e.Size), "method": e.Method,
		"mean": fmt.Sprint(e.Mean), "std": fmt.Sprint(e.Std),
	}
	if e.Kept != "" {
		m["channels"], m["channels_of"], m["samples"] = fmt.Sprint(e.Channels()), e.Kept, e.Samples
	}
	return m
}

// errForeign ends errors about metadata that cannot be used.
var errForeign = errors.New("give an encoder.safetensors that Parallax wrote")

// ParseEncoder reads the metadata of an encoder.safetensors.
func ParseEncoder(metadata map[string]string) (d Encoder, err error) {
	d.Architecture, d.Stem, d.Norm, d.Method = metadata["architecture"], metadata["stem"], metadata["norm"],
		metadata["method"]
	if d.Architecture == "" {
		return d, fmt.Errorf("its metadata does not name the network of its weights: %w", errForeign)
	}
	d.Kept, d.Samples = metadata["channels_of"], metadata["samples"]
	for _, key := range []string{"architecture", "stem", "norm", "method", "samples"} {
		if len(metadata[key]) > longest {
			return d, fmt.Errorf("its metadata has %s %s, which is no name: %w", key,
				printable.Short(metadata[key]), errForeign)
		}
	}
	for _, n := range []struct {
		key         string
		to          *int
		least, most int
	}{{"width", &d.Width, 1, 4096}, {"size", &d.Size, 8, 4096}, {"features", &d.Features, 1, 1 << 20}} {
		*n.to, err = strconv.Atoi(metadata[n.key])
		if err != nil || *n.to < n.least || *n.to > n.most {
			return d, fmt.Errorf("its metadata has %s %s, want a whole number from %d to %d: %w", n.key,
				printable.Short(metadata[n.key]), n.least, n.most, errForeign)
		}
	}
	n, about, above, most := 3, "three numbers from 0 to 1", "three numbers above 0, at most 1", 1.
	switch text := metadata["channels"]; {
	case d.Kept == config.Keep || d.Kept == config.Pages:
		if n, err = strconv.Atoi(text); err != nil || n < 1 || n > augment.MaxChannels {
			return d, fmt.Errorf("its metadata has channels %s, want a whole number from 1 to %d: %w",
				printable.Short(text), augment.MaxChannels, errForeign)
		}
		about, above = fmt.Sprintf("%d finite numbers", n), fmt.Sprintf("%d finite numbers above 0", n)
		most = maxLevel
	case d.Kept != "" || text != "" && text != "3":
		return d, fmt.Errorf("its metadata has channels %s and channels_of %s, want keep or pages: %w",
			printable.Short(text), printable.Short(d.Kept), errForeign)
	}
	if d.Mean, err = numbers(metadata["mean"], n, most); err != nil || most == 1 && slices.Min(d.Mean) < 0 {
		return d, fmt.Errorf("its metadata has mean %s, want %s: %w", printable.Short(metadata["mean"]), about,
			errForeign)
	}
	if d.Std, err = numbers(metadata["std"], n, most); err != nil || !(float32(slices.Min(d.Std)) > 0) {
		return d, fmt.Errorf("its metadata has std %s, want %s: %w", printable.Short(metadata["std"]), above,
			errForeign)
	}
	return d, nil
}

// maxLevel bounds the values of a pixel of an image whose channels are kept.
const maxLevel = 1e30

// longest is the length of the longest text of the metadata that is taken for a name.
const longest = 80

// numbers parses n numbers of at most the given size as fmt prints them: "[0.5 0.25 1]".
func numbers(text string, n int, most float64) (v []float64, err error) {
	text, opened := strings.CutPrefix(text, "[")
	text, closed := strings.CutSuffix(text, "]")
	fields := strings.Fields(text)
	if v = make([]float64, n); !opened || !closed || len(fields) != n {
		return v, errors.New("not a list of as many")
	}
	for i, field := range fields {
		if v[i], err = strconv.ParseFloat(field, 64); err != nil {
			return v, err
		}
		if !(v[i] >= -most && v[i] <= most) { // or not a number
			return v, errors.New("out of range")
		}
	}
	return v, nil
}
