// SPDX-License-Identifier: Apache-2.0

package weights

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/parallax-ssl/parallax/backbone"
	"github.com/parallax-ssl/parallax/checkpoint"
	"github.com/parallax-ssl/parallax/internal/printable"
	"github.com/parallax-ssl/parallax/internal/safetensors"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/torch"
)

// Options say how a file is understood. The zero value finds everything by the file.
type Options struct {
	As     string // the architecture, as torchvision, timm or Parallax name it; "": by the tensors
	Out    string // for Import: the file to write
	DryRun bool   // for Import: check everything and write nothing
	// Size is the side of the images in pixels: 0 for the network's own, or 224 (32 with a small stem) of a ResNet. For
	// another size the positions of a ViT are interpolated, as timm does.
	Size      int
	Mean, Std []float64 // three numbers each, of R, G and B in 0 to 1; nil: ImageNet's
	Stem      string    // of a ResNet: see [backbone.Stem]; "": by the first convolution and the family
	Which     string    // [Student] or [Teacher]; "": the one that the family evaluates
	Prefix    string    // chooses the network whose names begin with it
	License   string    // of the weights, kept in the file's metadata
}

// Weights are the weights of an encoder in memory.
type Weights struct {
	Encoder checkpoint.Encoder
	States  []nn.State // under the backbone's names
	Report  *Report
}

// ImageNet's statistics, which torchvision and the families here normalise with, and those of timm's ViTs from Google.
var (
	imageNetMean = []float64{0.485, 0.456, 0.406}
	imageNetStd  = []float64{0.229, 0.224, 0.225}
	half         = []float64{0.5, 0.5, 0.5}
)

// Import reads the encoder in a checkpoint of another program, as [Read] does, and writes it to o.Out as an
// encoder.safetensors, unless o.DryRun. Equal files and options give equal bytes.
func Import(file string, o Options) (*Report, error) {
	if o.Out == "" && !o.DryRun {
		return nil, run.Invalid(errors.New("no file to write: give its name, such as encoder.safetensors"))
	}
	from, err := os.Stat(file)
	if err == nil && o.Out != "" {
		if to, failed := os.Stat(o.Out); failed == nil && (os.SameFile(from, to) || to.IsDir()) {
			return nil, run.Invalid(fmt.Errorf("%s is the file to read, or a folder: choose another file to write",
				printable.Name(o.Out)))
		}
	}
	w, err := Read(file, o)
	if err != nil {
		return nil, err
	}
	if o.DryRun {
		return w.Report, nil
	}
	write := func(to io.Writer) error { return nn.WriteStates(to, w.States, w.Report.Meta) }
	if err := run.WriteFile(o.Out, write); err != nil {
		return nil, err
	}
	w.Report.Out = o.Out
	return w.Report, nil
}

// Read reads the encoder in a checkpoint of another program into memory. Errors: a file that is neither safetensors nor
// of torch.save; no known network in it, or several; an architecture other than o.As, with the one that matches; a
// tensor that is missing, has another shape, or has no place in the network; a value that is not finite. A mistake in
// the options is a [*run.InvalidError].
func Read(file string, o Options) (*Weights, error) {
	a, err := o.check()
	if err != nil {
		return nil, run.Invalid(err)
	}
	s, err := openSource(file)
	if err != nil {
		return nil, fmt.Errorf("importing %s: %w", printable.Name(file), err)
	}
	w, err := s.read(a, &o)
	if err == nil {
		w.Report.File = file
		w.Report.SHA256, err = digest(file)
		w.Report.Meta = w.metadata(&o)
	}
	if err := errors.Join(err, s.close()); err != nil {
		return nil, fmt.Errorf("importing %s: %w", printable.Name(file), err)
	}
	return w, nil
}

// ReadEncoder reads the encoder in a file: an encoder.safetensors of Parallax, for which there is no Report, or what
// [Read] finds in another program's file without being told anything.
func ReadEncoder(file string) (*Weights, error) {
	own, err := isOwn(file)
	if err != nil {
		return nil, err
	}
	if !own && checkpoint.Holds(file) {
		return nil, fmt.Errorf("%s is a part of a run's checkpoint, and does not name the network of its weights: "+
			"give the run's directory", printable.Name(file))
	}
	if !own {
		return Read(file, Options{})
	}
	states, metadata, err := nn.ReadStates(file)
	if err != nil {
		return nil, err
	}
	w := &Weights{States: states}
	w.Encoder, err = checkpoint.ParseEncoder(metadata)
	return w, err
}

// isOwn reports whether a file is of safetensors with metadata on a network, as Parallax writes them.
func isOwn(file string) (bool, error) {
	if is, err := isSafetensors(file); !is || err != nil {
		return false, err
	}
	f, err := safetensors.Open(file)
	if err != nil {
		return false, err
	}
	_, own := f.Metadata["architecture"]
	return own, f.Close()
}

// metadata describes the encoder and where it is from.
func (w *Weights) metadata(o *Options) map[string]string {
	m := w.Encoder.Metadata()
	m["source"], m["source_sha256"] = filepath.Base(w.Report.File), w.Report.SHA256
	m["source_prefix"], m["source_family"] = w.Report.Prefix, w.Report.Family
	if o.License != "" {
		m["license"] = o.License
	}
	for key, value := range m { // names of files need not be UTF-8, the format's texts must
		m[key] = strings.ToValidUTF8(value, "\uFFFD")
	}
	return m
}

func (o *Options) check() (a asked, err error) {
	if o.As != "" {
		if a, err = parseName(o.As); err != nil {
			return a, err
		}
	}
	if o.Which != "" && o.Which != Student && o.Which != Teacher {
		return a, fmt.Errorf("network %q: it must be %s or %s", o.Which, Student, Teacher)
	}
	for name, list := range map[string][]float64{"mean": o.Mean, "std": o.Std} {
		if list != nil && len(list) != 3 {
			return a, fmt.Errorf("the %s has %d numbers: give three, of red, green and blue", name, len(list))
		}
		for _, v := range list {
			if !(v >= 0 && v <= 1) || name == "std" && v == 0 {
				return a, fmt.Errorf("the %s has %v: want numbers from 0 to 1, for levels in that range; no std is 0",
					name, v)
			}
		}
	}
	if o.Size != 0 && (o.Size < 8 || o.Size > 4096) {
		return a, fmt.Errorf("the size is %d: want 8 to 4096 pixels", o.Size)
	}
	if len(o.License) > 200 {
		return a, errors.New("the licence has more than 200 bytes: give its name")
	}
	return a, nil
}

// read finds the network, builds it, and fills it.
func (s *source) read(a asked, o *Options) (*Weights, error) {
	found := networks(s.tensors)
	if len(found) == 0 {
		return nil, s.none()
	}
	n, err := choose(found, o)
	if err != nil {
		return nil, err
	}
	r := &Report{Format: s.format, Family: familyOf(s, n.prefix), Prefix: n.prefix, Skipped: s.foreign}
	form, err := shapeOf(n, s.tensors, r.Family)
	own, failed := checkpoint.ParseEncoder(s.metadata)
	if failed == nil { // the file says what others leave to their tensors
		form, err = shape{own.Architecture, own.Width, backbone.Stem(own.Stem), own.Size, "Parallax"}, nil
		r.Family = form.family
	}
	if err != nil {
		return nil, err
	}
	if o.As != "" {
		if err := form.fits(a); err != nil {
			return nil, err
		}
	}
	spec, err := form.spec(a, o)
	if err == nil && failed == nil {
		spec.Channels = own.Channels()
		err = spec.Norm.UnmarshalText([]byte(own.Norm))
	}
	if err != nil {
		return nil, run.Invalid(err)
	}
	r.As = form.String()
	w := &Weights{Report: r, Encoder: checkpoint.Encoder{
		Architecture: spec.Name, Width: spec.Width, Stem: string(spec.Stem), Norm: spec.Norm.String(), Size: spec.Size,
		Method: "imported",
	}}
	if failed == nil {
		w.Encoder.Method, w.Encoder.Mean, w.Encoder.Std = own.Method, own.Mean, own.Std
		w.Encoder.Kept, w.Encoder.Samples = own.Kept, own.Samples
	} else {
		w.Encoder.Mean, w.Encoder.Std = imageNetMean, imageNetStd
	}
	w.normalise(a, o)
	if err := s.fill(w, n, spec); err != nil {
		return nil, err
	}
	if err := s.account(r, n, found); err != nil {
		return nil, err
	}
	w.note(form, o)
	r.Encoder = w.Encoder
	return w, nil
}

// none is the error of a file in which no network is known.
func (s *source) none() error {
	const few = 3
	var names []string
	for _, t := range s.tensors[:min(few, len(s.tensors))] {
		names = append(names, printable.Short(t.key))
	}
	var skipped string
	if len(s.foreign) > 0 {
		var list []string
		for _, f := range s.foreign[:min(few, len(s.foreign))] {
			list = append(list, printable.Name(f.Name))
		}
		skipped = fmt.Sprintf(" (it asks for %s, which were not run)", strings.Join(list, ", "))
	}
	if len(names) == 0 {
		return fmt.Errorf("it holds no tensors%s", skipped)
	}
	return fmt.Errorf("it has %d tensors, such as %s, and none of the names of a ResNet or a ViT of torchvision, timm "+
		"or lightly under any prefix%s", len(s.tensors), strings.Join(names, ", "), skipped)
}

// normalise sets the mean and the deviation that the architecture's name or the options ask for.
func (w *Weights) normalise(a asked, o *Options) {
	if a.half {
		w.Encoder.Mean, w.Encoder.Std = half, half
	}
	if o.Mean != nil {
		w.Encoder.Mean = o.Mean
	}
	if o.Std != nil {
		w.Encoder.Std = o.Std
	}
	w.Encoder.Mean, w.Encoder.Std = slices.Clone(w.Encoder.Mean), slices.Clone(w.Encoder.Std)
}

// note says what a file cannot say, and was assumed.
func (w *Weights) note(s shape, o *Options) {
	add := func(format string, args ...any) {
		w.Report.Notes = append(w.Report.Notes, fmt.Sprintf(format, args...))
	}
	switch {
	case s.family == "Parallax":
		return
	case o.Stem != "" || s.stem == backbone.ImageNet || strings.HasPrefix(string(s.stem), "patch"):
	case s.stem == backbone.Padded:
		add("taken for granted: the 3 x 3 stem of solo-learn, stride 1, two pixels of padding and no pooling; " +
			"--stem small has one")
	default:
		add("taken for granted: a 3 x 3 stem with stride 1, one pixel of padding and no pooling; --stem has others")
	}
	if s.family == mocoV3 && s.name == "vit_base" && s.width < 64 {
		add("MoCo v3's ViT-S has 12 heads: it is a vit_base of width %d here", s.width)
	}
	if o.Mean == nil || o.Std == nil {
		add("the file does not say how its images were normalised: --mean and --std set other values than these")
	}
}

// fill builds the network and collects its tensors from the file.
func (s *source) fill(w *Weights, n network, spec backbone.Spec) error {
	body, err := spec.New()
	if err != nil {
		return err
	}
	if err := s.bound(spec, body.Features()); err != nil {
		return err
	}
	w.Encoder.Features = body.Features()
	return torch.Scope(func() error {
		p := nn.NewParams(0, torch.F32)
		defer p.Free()
		body.Build(p)
		var missing, other []string
		for _, want := range p.All() {
			name, shape := p.Local(want), want.Tensor.Shape()
			i, ok := n.tensors[name]
			if !ok {
				state, why := filled(name, want.Tensor, n)
				if why == "" {
					missing = append(missing, n.prefix+name)
					continue
				}
				w.States = append(w.States, state)
				w.Report.Filled = append(w.Report.Filled, Fill{name, why})
				continue
			}
			t := s.tensors[i]
			if !slices.Equal(t.shape, shape) && !resizable(name, t.shape, shape) {
				other = append(other, fmt.Sprintf("%s is %v and has to be %v", printable.Short(t.key), t.shape, shape))
				continue
			}
			state, why, err := t.state(name, want.Tensor, shape)
			if err != nil {
				return err
			}
			w.States = append(w.States, state)
			w.Report.Keys = append(w.Report.Keys, Key{Key: t.key, To: name, Why: why})
		}
		if err := unfit(spec.Name, missing, other); err != nil {
			return err
		}
		return nn.Finite(w.States)
	})
}

// bound refuses, before it is built, a network that is far larger than the file: its width is what the file claims.
func (s *source) bound(spec backbone.Spec, features int) error {
	const spare = 96 << 20 // parameters more than bytes of a small file, whose tensors may share their elements
	width, d := int64(spec.Width), int64(features)
	parameters := 15_000 * width * width // of a ResNet-152, the largest of the ResNets
	if patch, ok := strings.CutPrefix(string(spec.Stem), "patch"); ok {
		side, _ := strconv.Atoi(patch)
		grid := int64(spec.Size / side)
		parameters = (144*d + grid*grid) * d
	}
	if parameters > s.size+spare {
		return fmt.Errorf("a %s of width %d with images of %d pixels does not fit in a file of %d bytes", spec.Name,
			spec.Width, spec.Size, s.size)
	}
	return nil
}

// unfit is the error of a network that lacks tensors, or has others.
func unfit(name string, missing, other []string) error {
	few := func(list []string) string {
		const most = 4
		if len(list) > most {
			return strings.Join(list[:most], ", ") + fmt.Sprintf(" and %d more", len(list)-most)
		}
		return strings.Join(list, ", ")
	}
	var problems []string
	if len(missing) > 0 {
		problems = append(problems, "it lacks "+few(missing))
	}
	if len(other) > 0 {
		problems = append(problems, few(other))
	}
	if len(problems) == 0 {
		return nil
	}
	return fmt.Errorf("its tensors are nearest to those of %s, and do not fit: %s", name, strings.Join(problems, "; "))
}

// filled makes a tensor that the file need not have: a counter, which plays no part, and the bias of an attention
// without one, which is 0. why is "" for all others.
func filled(name string, t torch.Tensor, n network) (state nn.State, why string) {
	_, attends := n.tensors[strings.TrimSuffix(name, "bias")+"weight"]
	switch {
	case strings.HasSuffix(name, ".num_batches_tracked"):
		why = "a counter, which plays no part: 0"
	case strings.HasSuffix(name, ".attn.qkv.bias") && attends:
		why = "the attention has no bias: 0"
	default:
		return state, ""
	}
	state = nn.StateOf(name, t)
	clear(state.Bytes)
	return state, why
}

// resizable reports whether positions of one grid can be interpolated to those of another.
func resizable(name string, from, to []int) bool {
	return name == "pos_embed" && len(from) == 3 && from[0] == 1 && from[2] == to[2] && side(from[1]) > 0
}

// state reads a tensor as the network holds it: float32, or int64 for a counter. why says how it was changed.
func (t tensor) state(name string, like torch.Tensor, shape []int) (s nn.State, why string, err error) {
	dtype, err := torch.ParseDType(string(t.dtype))
	if err != nil {
		return s, "", fmt.Errorf("tensor %s: its type cannot be read", printable.Short(t.key))
	}
	data, err := t.read()
	if err != nil {
		return s, "", err
	}
	s = nn.State{Name: name, DType: dtype, Shape: t.shape, Bytes: data}
	if dtype != like.DType() {
		s = nn.StateOf(name, s.Tensor().To(like.DType()))
		why = fmt.Sprintf("from %s to %s", t.dtype, safetensors.DType(like.DType().String()))
	}
	if !slices.Equal(t.shape, shape) {
		s.Bytes, s.Shape = resizePositions(s.Bytes, shape[2], t.shape[1], side(shape[1])), shape
		why = fmt.Sprintf("%s, interpolated from %d to %d positions", why, t.shape[1], shape[1])
		why = strings.TrimPrefix(why, ", ")
	}
	return s, why, nil
}

// account lists every entry of the file in its order. It refuses a tensor of the network that has no place.
func (s *source) account(r *Report, n network, found []network) error {
	used := map[string]Key{}
	for _, k := range r.Keys {
		used[k.Key] = k
	}
	r.Keys = nil
	var foreign []string
	for _, t := range s.tensors {
		k, ok := used[t.key]
		if !ok {
			if k.Why, ok = leftOut(wrappers.Replace(t.key), n, found); !ok {
				foreign = append(foreign, printable.Short(t.key))
			}
		}
		k.Key, k.DType, k.Shape = t.key, string(t.dtype), append([]int{}, t.shape...)
		switch k.To {
		case "":
			k.Action = LeftOut
		case t.key:
			k.Action = Used
		default:
			k.Action = Renamed
		}
		r.Keys = append(r.Keys, k)
	}
	for _, o := range s.others {
		r.Keys = append(r.Keys, Key{Key: o.Key, Action: LeftOut, Why: "no tensor: " + printable.Name(o.Kind)})
	}
	if len(foreign) == 0 {
		return nil
	}
	return fmt.Errorf("it has tensors that %s has no place for, so its features are other ones: %s", r.As,
		strings.Join(foreign[:min(4, len(foreign))], ", "))
}
