// SPDX-License-Identifier: Apache-2.0

package encoder

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// errForeign ends what is said of metadata that cannot be used.
var errForeign = errors.New("give an encoder.safetensors that Parallax wrote")

// describe reads the metadata of an encoder.safetensors.
func describe(metadata map[string]string) (d Description, err error) {
	d.Architecture, d.Stem, d.Norm, d.Method = metadata["architecture"], metadata["stem"], metadata["norm"], metadata["method"]
	if d.Architecture == "" {
		return d, fmt.Errorf("its metadata does not say which network its weights are of: %w", errForeign)
	}
	for _, n := range []struct {
		key         string
		to          *int
		least, most int
	}{{"width", &d.Width, 1, 4096}, {"size", &d.Size, 8, 4096}, {"features", &d.Features, 1, 1 << 20}} {
		*n.to, err = strconv.Atoi(metadata[n.key])
		if err != nil || *n.to < n.least || *n.to > n.most {
			return d, fmt.Errorf("its metadata has %s %q, want a whole number from %d to %d: %w", n.key, metadata[n.key], n.least, n.most, errForeign)
		}
	}
	if d.Mean, err = threeNumbers(metadata["mean"]); err != nil {
		return d, fmt.Errorf("its metadata has mean %q, want three numbers from 0 to 1: %w", metadata["mean"], errForeign)
	}
	d.Std, err = threeNumbers(metadata["std"])
	if err != nil || d.Std[0] == 0 || d.Std[1] == 0 || d.Std[2] == 0 {
		return d, fmt.Errorf("its metadata has std %q, want three numbers above 0, at most 1: %w", metadata["std"], errForeign)
	}
	return d, nil
}

// threeNumbers reads what fmt makes of three numbers from 0 to 1: "[0.5 0.25 1]".
func threeNumbers(text string) (v [3]float64, err error) {
	text, opened := strings.CutPrefix(text, "[")
	text, closed := strings.CutSuffix(text, "]")
	fields := strings.Fields(text)
	if !opened || !closed || len(fields) != len(v) {
		return v, errors.New("not a list of three")
	}
	for i, field := range fields {
		if v[i], err = strconv.ParseFloat(field, 64); err != nil {
			return v, err
		}
		if !(v[i] >= 0 && v[i] <= 1) { // or not a number
			return v, errors.New("out of range")
		}
	}
	return v, nil
}
