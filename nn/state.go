// SPDX-License-Identifier: Apache-2.0

package nn

import (
	"bytes"
	"fmt"
	"io"

	"github.com/parallax-ssl/parallax/internal/printable"
	"github.com/parallax-ssl/parallax/internal/safetensors"
	"github.com/parallax-ssl/parallax/torch"
)

// State is a tensor copied out of libtorch, as checkpoints hold it.
type State struct {
	Name  string
	DType torch.DType
	Shape []int
	Bytes []byte // little-endian, row-major
	// Read returns the bytes of a state that is lent, in the memory of room if there is enough. See [Lend].
	Read func(room []byte) []byte
}

// StateOf copies one tensor out under a name.
func StateOf(name string, t torch.Tensor) State {
	return State{Name: name, DType: t.DType(), Shape: t.Shape(), Bytes: t.Bytes()}
}

// Lend is StateOf without the copy, for [WriteStates] alone: it reads the bytes as it writes them, inside a scope, and
// until then t must not change.
func Lend(name string, t torch.Tensor) State {
	return State{Name: name, DType: t.DType(), Shape: t.Shape(), Read: t.BytesIn}
}

// Tensor makes the tensor that s describes.
func (s State) Tensor() torch.Tensor { return torch.FromBytes(s.Bytes, s.DType, s.Shape...) }

// Finite returns an error that names the first state with a value that is NaN or infinite, and wraps
// [torch.ErrNonFinite].
func Finite(states []State) error {
	for _, s := range states {
		if !floating(s.DType) {
			continue
		}
		bad := 0.
		if err := torch.Scope(func() error {
			bad = s.Tensor().IsFinite().Not().To(torch.I64).Sum().Item()
			return nil
		}); err != nil {
			return err
		}
		if bad > 0 {
			return fmt.Errorf("tensor %s is %w: it has NaN or infinity, from a run that diverged",
				printable.Short(s.Name), torch.ErrNonFinite)
		}
	}
	return nil
}

// WriteStates writes states as a safetensors file. Equal input gives equal bytes.
func WriteStates(w io.Writer, states []State, metadata map[string]string) error {
	tensors := make([]safetensors.Tensor, len(states))
	for i, s := range states {
		tensors[i] = safetensors.Tensor{Name: s.Name, DType: safetensors.DType(s.DType.String()), Shape: s.Shape,
			Data: s.Bytes, Read: s.Read}
	}
	return safetensors.Write(w, tensors, metadata)
}

// ReadStates reads a whole safetensors file.
func ReadStates(path string) (states []State, metadata map[string]string, err error) {
	f, err := safetensors.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	if states, err = statesOf(f); err != nil {
		return nil, nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return states, f.Metadata, nil
}

// ParseStates reads the bytes of a whole safetensors file.
func ParseStates(text []byte) ([]State, error) {
	f, err := safetensors.Parse(bytes.NewReader(text), int64(len(text)))
	if err != nil {
		return nil, err
	}
	return statesOf(f)
}

func statesOf(f *safetensors.File) (states []State, err error) {
	tensors, err := f.Tensors()
	if err != nil {
		return nil, err
	}
	for _, t := range tensors {
		dtype, err := torch.ParseDType(string(t.DType))
		if err != nil {
			return nil, fmt.Errorf("tensor %q: %w", t.Name, err)
		}
		states = append(states, State{Name: t.Name, DType: dtype, Shape: t.Shape, Bytes: t.Data})
	}
	return states, nil
}
