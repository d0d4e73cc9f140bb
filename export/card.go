// SPDX-License-Identifier: Apache-2.0

package export

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/encoder"
	"github.com/parallax-ssl/parallax/internal/printable"
	"github.com/parallax-ssl/parallax/method/variant"
	"github.com/parallax-ssl/parallax/run"
)

// Card is the model card of an export: what the network is, how to use it, and where it comes from.
type Card struct {
	Format    Format `json:"format"`
	Network   string `json:"network"`   // architecture, width, stem and norm in words
	Module    string `json:"module"`    // the code into which the weights, or the file, are loaded
	Input     string `json:"input"`     // type, shape and preparation
	Output    string `json:"output"`    // type and shape
	Precision string `json:"precision"` // of weights and arithmetic: float32 or float16
	Opset     int    `json:"opset,omitempty"`
	Features  int    `json:"features"`
	Size      int    `json:"size"` // side in pixels of the images that it was trained for
	// Of the training images, per channel, for levels scaled to [0, 1].
	Mean    []float64          `json:"mean"`
	Std     []float64          `json:"std"`
	Method  string             `json:"method"`
	Step    int                `json:"step,omitempty"`    // of the checkpoint; absent for an exported encoder
	Data    *CardData          `json:"data,omitempty"`    // absent if the run's directory was not given
	Config  string             `json:"config,omitempty"`  // the settings, as in the run's config.yaml
	Metrics map[string]float64 `json:"metrics,omitempty"` // of the run's last evaluation
	Measure int                `json:"metrics_step,omitempty"`
	License string             `json:"license,omitempty"`
	Program string             `json:"program"`
}

// CardData are the images on which the encoder was trained.
type CardData struct {
	Name        string `json:"name"` // the last part of the path
	Images      int    `json:"images"`
	Split       string `json:"split,omitempty"`
	Fingerprint string `json:"fingerprint"` // SHA-256 of names, sizes and labels: see dataset.Source
}

// card describes the export.
func (r *Request) card(d encoder.Description) (Card, error) {
	c := Card{
		Format: r.Format,
		Network: fmt.Sprintf("%s, width %d, stem %s, norm %s, without classifier", d.Architecture, d.Width, d.Stem,
			d.Norm),
		Module: module(r.Format, d), Input: input(r, d), Output: fmt.Sprintf("float32, N x %d", d.Features),
		Precision: "float32", Features: d.Features, Size: d.Size, Mean: d.Mean, Std: d.Std, Method: d.Method,
		Step: d.Step, License: r.License, Program: strings.TrimSpace("parallax " + r.Version),
	}
	if r.Half {
		c.Precision = "float16"
	}
	if r.Format == ONNX {
		c.Opset = r.Opset
	}
	return c, c.origin(r)
}

// origin adds what the run's directory says. A file outside a run's directory says nothing more.
func (c *Card) origin(r *Request) error {
	settings, text, err := r.settings()
	if errors.Is(err, run.ErrNoRun) {
		return nil
	}
	if err != nil {
		return err
	}
	d := settings.Data
	c.Data = &CardData{filepath.Base(d.Path), d.Images, d.Split, d.Fingerprint}
	c.Config = public(text, d.Path, d.Labels, settings.Backbone.Init)
	return c.measured(filepath.Join(r.directory(), run.MetricsFile))
}

// directory is where the run would be that the encoder belongs to.
func (r *Request) directory() string {
	if filepath.Base(r.Run) == run.EncoderFile {
		return filepath.Dir(r.Run)
	}
	return r.Run
}

// settings reads the run's configuration. The error wraps [run.ErrNoRun] if there is no run.
func (r *Request) settings() (*config.Config, string, error) {
	dir := r.directory()
	if info, err := os.Stat(dir); err == nil && !info.IsDir() {
		return nil, "", run.ErrNoRun
	}
	text, err := run.ReadConfig(dir)
	if err != nil {
		return nil, "", err
	}
	_, c, err := variant.Load(text, r.Methods...)
	return c, string(text), err
}

// public returns a configuration without what is nobody's business: the sources of the values, which name files, and
// the folders of paths.
func public(text string, paths ...string) string {
	var plain []string
	for line := range strings.Lines(text) {
		if at := strings.LastIndex(line, "  # "); at > 0 {
			line = line[:at]
		}
		plain = append(plain, strings.TrimRight(line, " \n"))
	}
	text = strings.Join(plain, "\n")
	for _, path := range paths {
		if filepath.Base(path) != path && path != "" {
			text = strings.ReplaceAll(text, path, filepath.Base(path))
		}
	}
	return text
}

// measured adds the numbers of the last evaluation of the backbone, which is what was exported.
func (c *Card) measured(events string) error {
	f, err := os.Open(events)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	for e, err := range run.ReadEvents(f) {
		if err != nil {
			return err
		}
		ours := e.Event == run.Eval && e.Of == run.OfBackbone && e.Probe != run.GuardProbe
		if ours && (c.Step == 0 || e.Step <= c.Step) {
			c.Metrics, c.Measure = e.Numbers(), e.Step
		}
	}
	return nil
}

// input says what the network takes.
func input(r *Request, d encoder.Description) string {
	resize := fmt.Sprintf("The encoder was trained for %d x %d pixels. To get its features, resize the short side to "+
		"%d by Pillow's bilinear interpolation and take the central %d x %d; the resizing is not in the graph, "+
		"because no operator rounds as Pillow does.", d.Size, d.Size, shortSide(d.Size), d.Size, d.Size)
	if r.Preprocess {
		return "uint8, N x H x W x 3: RGB levels. Scaling and normalisation are in the graph. " + resize
	}
	if d.Kept != "" {
		return fmt.Sprintf("float32, N x %d x H x W: (value - mean)/std for each channel, where the values are %s as "+
			"in the files: unsigned whole numbers divided by the greatest of their type, others as they are. %s",
			d.Channels(), d.Samples, resize)
	}
	return "float32, N x 3 x H x W: (level/255 - mean)/std for each channel R, G, B. " + resize
}

// shortSide is that of the images before [augment.EvalRecipe] takes their centre.
func shortSide(size int) int {
	for _, op := range augment.EvalRecipe(size) {
		if r, ok := op.(augment.Resize); ok {
			return r.Size
		}
	}
	return size
}

// module says how the file is loaded.
func module(f Format, d encoder.Description) string {
	switch f {
	case TorchScript:
		return `torch.jit.load(FILE)`
	case ONNX:
		return `onnxruntime.InferenceSession(FILE).run(["features"], {"images": x})`
	case PT2:
		return `torch.export.load(FILE).module(); written for PyTorch 2.11`
	}
	ours := "load it with Parallax's package encoder, or write the module after package backbone"
	small := map[string]string{
		"small":   "3, 1, 1, bias=False); maxpool = torch.nn.Identity()",
		"strided": "3, 2, 1, bias=False); maxpool = torch.nn.Identity()",
	}[d.Stem]
	if small == "" && d.Channels() != 3 {
		small = "7, 2, 3, bias=False)"
	}
	if small != "" {
		small = fmt.Sprintf("; conv1 = torch.nn.Conv2d(%d, 64, %s", d.Channels(), small)
	}
	switch d.Architecture {
	case "resnet18", "resnet34", "resnet50", "resnet101":
		switch {
		case d.Norm != "batch":
			return "torchvision's names, but its ResNets have batch norm, and this one has the norm " + d.Norm + ": " +
				ours
		case d.Width != 64:
			return fmt.Sprintf("torchvision's names, but its ResNets have 64 channels in the first stage, and this "+
				"one has %d: %s", d.Width, ours)
		}
		return "torchvision.models." + d.Architecture + "() with fc = torch.nn.Identity()" + small
	case "vit_tiny", "vit_small", "vit_base":
		heads := map[string]int{"vit_tiny": 3, "vit_small": 6, "vit_base": 12}[d.Architecture]
		return fmt.Sprintf("timm.models.vision_transformer.VisionTransformer(img_size=%d, patch_size=%s, "+
			"in_chans=%d, embed_dim=%d, depth=12, num_heads=%d, num_classes=0); for images of another size pos_embed "+
			"is resized by bicubic interpolation without antialiasing", d.Size,
			strings.TrimPrefix(d.Stem, "patch"), d.Channels(), d.Features, heads)
	case "wrn28":
		return "the names of github.com/xternalz/WideResNet-pytorch, which torchvision does not have: " + ours
	}
	return "torchvision's names, but it has no ResNet of this depth for three stages: " + ours
}

// json is the card in a file's metadata.
func (c Card) json() (string, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(c); err != nil {
		return "", fmt.Errorf("writing the card: %w", err)
	}
	return b.String(), nil
}

// Markdown returns the card as a page, with the comparison of a result.
func (c Card) Markdown(r *Result) string {
	var b strings.Builder
	name := filepath.Base(r.Path)
	fmt.Fprintf(&b, "# %s\n\n", printable.Text(name))
	cell := strings.NewReplacer("|", `\|`, "\n", " ")
	row := func(key, value string) {
		if value != "" {
			fmt.Fprintf(&b, "| %s | %s |\n", key, cell.Replace(printable.Text(value)))
		}
	}
	fmt.Fprint(&b, "| | |\n| --- | --- |\n")
	row("format", string(c.Format))
	row("network", c.Network)
	row("load it with", "`"+c.Module+"`")
	row("input", c.Input)
	row("output", c.Output)
	row("precision", c.Precision)
	if c.Opset > 0 {
		row("opset", fmt.Sprint(c.Opset))
	}
	row("mean", fmt.Sprint(c.Mean))
	row("std", fmt.Sprint(c.Std))
	row("method", c.Method)
	if c.Data != nil {
		row("trained on", fmt.Sprintf("%s: %d images", c.Data.Name, c.Data.Images))
		row("split", c.Data.Split)
		row("fingerprint of the data", c.Data.Fingerprint)
	}
	license := c.License
	if license == "" {
		license = "not stated"
	}
	row("licence of the weights", license)
	row("written by", c.Program)
	fmt.Fprintf(&b, "\n## Comparison with the encoder\n\nGreatest difference of a feature, on real images; %.2g is "+
		"allowed (relative to the greatest feature, if that is above 1).\n\n| images | height | width | difference |\n"+
		"| --- | --- | --- | --- |\n", r.Tolerance)
	for _, d := range r.Comparisons {
		fmt.Fprintf(&b, "| %d | %d | %d | %.2g |\n", d.Images, d.Height, d.Width, d.Difference)
	}
	if len(c.Metrics) > 0 {
		fmt.Fprintf(&b, "\n## Metrics of the run's evaluation at step %d\n\n| metric | value |\n| --- | --- |\n",
			c.Measure)
		for _, key := range slices.Sorted(maps.Keys(c.Metrics)) {
			row(printable.Text(key), fmt.Sprintf("%.4g", c.Metrics[key]))
		}
	}
	if c.Config != "" {
		fmt.Fprintf(&b, "\n## Settings\n\n```yaml\n%s\n```\n", strings.TrimSpace(c.Config))
	}
	return b.String()
}
