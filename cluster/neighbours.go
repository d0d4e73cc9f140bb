// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/torch"
)

// widest is the least number of neighbours kept for each image, and the largest for which purity is measured.
const widest = 50

// readNeighbours reads the file. It returns nil if there is no file, or if the file is of other data or another
// encoder.
func readNeighbours(path string, want map[string]string) ([][]int, error) {
	states, about, err := nn.ReadStates(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil || len(states) != 1 || len(states[0].Shape) != 2 {
		return nil, fmt.Errorf("reading the neighbours in %s (%v): remove the file to find them again", path, err)
	}
	if !holds(about, want) {
		return nil, nil
	}
	var near [][]int
	return near, torch.Scope(func() error {
		near = matrix(states[0].Tensor().Reshape(-1).Ints(), states[0].Shape[1])
		return nil
	})
}

// holds reports whether the metadata of a file has the wanted values.
func holds(metadata, want map[string]string) bool {
	for key, value := range want {
		if metadata[key] != value {
			return false
		}
	}
	return true
}

// matrix cuts a flat list into rows of n.
func matrix(flat []int, n int) (rows [][]int) {
	for ; len(flat) > 0; flat = flat[n:] {
		rows = append(rows, flat[:n:n])
	}
	return rows
}

func writeNeighbours(path string, near [][]int, about map[string]string) error {
	var state nn.State
	if err := torch.Scope(func() error {
		var flat []int
		for _, row := range near {
			flat = append(flat, row...)
		}
		state = nn.StateOf("neighbours", torch.FromInts(flat, len(near), len(near[0])))
		return nil
	}); err != nil {
		return err
	}
	return run.WriteFile(path, func(w io.Writer) error { return nn.WriteStates(w, []nn.State{state}, about) })
}
