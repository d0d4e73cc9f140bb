// SPDX-License-Identifier: Apache-2.0

package export

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/parallax-ssl/parallax/encoder"
	"github.com/parallax-ssl/parallax/export/internal/onnxfile"
	"github.com/parallax-ssl/parallax/export/internal/pt2"
	"github.com/parallax-ssl/parallax/export/internal/script"
	"github.com/parallax-ssl/parallax/internal/printable"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/torch"
)

// Format is a format of files.
type Format string

// The formats.
const (
	// Safetensors holds the weights under torchvision's names, a ViT's under timm's, for load_state_dict. The card is
	// in the metadata. Parallax reads such a file wherever it takes an encoder.
	Safetensors Format = "safetensors"
	// TorchScript is a file for torch.jit.load, in Python and C++. The card is its extra file card.json.
	TorchScript Format = "torchscript"
	// ONNX is a file for onnxruntime and others. The card is in metadata_props.
	ONNX Format = "onnx"
	// PT2 is an archive for torch.export.load of PyTorch 2.11. The card is its extra file card.json.
	PT2 Format = "pt2"
)

// cardKey names the card in a file's metadata, cardFile in an archive.
const (
	cardKey  = "card"
	cardFile = "card.json"
)

// kind is what differs between formats.
type kind struct {
	format  Format
	endings []string
	write   func(w *written, f *os.File) error
	// open reads the file at path. The function that it returns computes features inside torch.Scope; done ends its
	// use.
	open func(path string) (forward func(x torch.Tensor) torch.Tensor, done func() error, err error)
}

// kinds lists the formats.
func kinds() []kind {
	return []kind{
		{Safetensors, []string{".safetensors"}, writeSafetensors, openSafetensors},
		{TorchScript, []string{".pt", ".ts", ".torchscript"}, writeScript, openScript},
		{ONNX, []string{".onnx"}, writeONNX, openONNX},
		{PT2, []string{".pt2"}, writePT2, openPT2},
	}
}

// Formats lists every format.
func Formats() []Format {
	var all []Format
	for _, k := range kinds() {
		all = append(all, k.format)
	}
	return all
}

func (f Format) check() error {
	for _, k := range kinds() {
		if k.format == f {
			return nil
		}
	}
	return fmt.Errorf("there is no format %s: choose safetensors, torchscript, onnx or pt2", printable.Short(string(f)))
}

// kind returns what f, which is one of the formats, does.
func (f Format) kind() kind {
	for _, k := range kinds() {
		if k.format == f {
			return k
		}
	}
	return kind{}
}

// ofEnding returns the format that the ending of a file's name means.
func ofEnding(path string) (Format, error) {
	for _, k := range kinds() {
		for _, ending := range k.endings {
			if strings.EqualFold(filepath.Ext(path), ending) {
				return k.format, nil
			}
		}
	}
	return "", fmt.Errorf("the name %s does not say which format to write: end it in .safetensors, .pt (TorchScript), "+
		".onnx or .pt2, or choose a format", printable.Short(filepath.Base(path)))
}

func noClose() error { return nil }

func writeSafetensors(w *written, f *os.File) error {
	states := w.states
	if w.Half {
		states = make([]nn.State, len(w.states))
		if err := torch.Scope(func() error {
			for i, s := range w.states {
				states[i] = s
				if s.DType == torch.F32 {
					states[i] = nn.StateOf(s.Name, s.Tensor().To(torch.F16))
				}
			}
			return nil
		}); err != nil {
			return err
		}
	}
	metadata := w.encoder.Describe().Metadata()
	text, err := w.card.json()
	if err != nil {
		return err
	}
	metadata[cardKey] = text
	return run.Output("writing "+w.Out, nn.WriteStates(f, states, metadata))
}

func openSafetensors(path string) (func(torch.Tensor) torch.Tensor, func() error, error) {
	e, err := encoder.Open(path)
	if err != nil {
		return nil, nil, err
	}
	return func(x torch.Tensor) (y torch.Tensor) {
		if err := e.Network(func(layer nn.Layer, _ *nn.Params) error {
			y = layer.Forward(x).Keep()
			return nil
		}); err != nil {
			torch.Fail("safetensors", "%v", err)
		}
		return y
	}, e.Close, nil
}

func writeScript(w *written, f *os.File) error {
	text, err := w.card.json()
	if err != nil {
		return err
	}
	err = torch.Scope(func() error { return script.Write(f.Name(), w.graph, cardFile, text) })
	var failed *torch.Error
	if errors.As(err, &failed) && strings.Contains(failed.Text, f.Name()) { // the disk, and not the network
		return run.Output("writing "+w.Out, err)
	}
	return err
}

func openScript(path string) (func(torch.Tensor) torch.Tensor, func() error, error) {
	return func(x torch.Tensor) torch.Tensor { return script.Run(path, x) }, noClose, nil
}

func writeONNX(w *written, f *os.File) error {
	metadata := w.encoder.Describe().Metadata()
	text, err := w.card.json()
	if err != nil {
		return err
	}
	metadata["format"], metadata[cardKey], metadata["opset"] = string(ONNX), text, fmt.Sprint(w.Opset)
	data, err := onnxfile.Bytes(w.graph, w.Opset, w.Version, metadata)
	if err != nil {
		return err
	}
	return w.to(f, data)
}

func openONNX(path string) (func(torch.Tensor) torch.Tensor, func() error, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, err
	}
	m, err := onnxfile.Parse(data)
	if err != nil {
		return nil, nil, err
	}
	return m.Run, noClose, nil
}

func writePT2(w *written, f *os.File) error {
	text, err := w.card.json()
	if err != nil {
		return err
	}
	return run.Output("writing "+w.Out, pt2.Write(f, w.graph, cardFile, text))
}

func openPT2(path string) (func(torch.Tensor) torch.Tensor, func() error, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	p, err := pt2.Read(f, info.Size())
	if err != nil {
		return nil, nil, err
	}
	return p.Run, noClose, nil
}
