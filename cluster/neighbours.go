// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/eval"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/pretrain"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/torch"
)

// widest is the least number of neighbours kept for each image, and the largest for which purity is measured.
const widest = 50

// neighbours returns the nearest neighbours of every image, nearest first, by the pretext's features of the images
// without augmentation. A file keeps them, with the data and the encoder that they depend on. A file of other data or
// another encoder is replaced.
func (k *clustering) neighbours(s *pretrain.Session, most int) ([][]int, error) {
	if k.near != nil && len(k.near[0]) >= min(most, s.Job.Source.Len()-1) {
		return k.near, nil
	}
	most = max(most, widest)
	encoder, err := os.ReadFile(k.encoder())
	if err != nil {
		return nil, fmt.Errorf("reading the pretext's encoder: %w", err)
	}
	sum := sha256.Sum256(encoder)
	want := map[string]string{
		"data": s.Job.Config.Data.Fingerprint, "encoder": hex.EncodeToString(sum[:]), "most": fmt.Sprint(most),
	}
	path := filepath.Join(k.dir, neighboursFile)
	if k.near, err = readNeighbours(path, want); err != nil {
		return nil, err
	}
	if k.near != nil {
		return k.near, nil
	}
	k.note(fmt.Sprintf("looking for the %d nearest neighbours of %d images", most, s.Job.Source.Len()))
	if k.near, err = k.mine(s, most); err != nil {
		return nil, fmt.Errorf("looking for nearest neighbours: %w", err)
	}
	return k.near, writeNeighbours(path, k.near, want)
}

// mine embeds all images and finds the nearest neighbours of each.
func (k *clustering) mine(s *pretrain.Session, most int) (near [][]int, err error) {
	weights, err := pretrain.InitialWeights(k.encoder())
	if err != nil {
		return nil, err
	}
	images := s.Job.Source.Len()
	err = torch.Scope(func() error {
		torch.SetThreads(s.Job.Config.Train.Threads)
		params := nn.NewParams(0, torch.F32)
		defer params.Free()
		own := params.Sub("backbone")
		e := parallax.Encoder{Backbone: s.Job.Backbone.Build(own), Params: own, Features: s.Job.Backbone.Features()}
		if err := e.Params.LoadLocal(weights); err != nil {
			return err
		}
		f, rows, err := embedAll(k.ctx, s, e, params)
		if err != nil {
			return err
		}
		defer f.Free()
		if len(rows) < 2 {
			return errors.New("only one image could be read")
		}
		near = make([][]int, images)
		found := eval.Neighbours(f.H, most)
		for r, image := range rows {
			for _, other := range found[r] {
				near[image] = append(near[image], rows[other])
			}
		}
		for image := range near { // an unreadable image is its own neighbour
			for len(near[image]) < len(found[0]) {
				near[image] = append(near[image], image)
			}
		}
		return nil
	})
	return near, err
}

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
	for key, value := range want {
		if about[key] != value {
			return nil, nil
		}
	}
	var near [][]int
	return near, torch.Scope(func() error {
		flat, n := states[0].Tensor().Reshape(-1).Ints(), states[0].Shape[1]
		for i := range states[0].Shape[0] {
			near = append(near, flat[i*n:(i+1)*n:(i+1)*n])
		}
		return nil
	})
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
