// SPDX-License-Identifier: Apache-2.0

package method

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/method/internal/part"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

var deepClusterV2Entry = Entry{
	Name:  "deepclusterv2",
	Title: "DeepCluster-v2",
	Date:  "2020-06",
	Paper: "Caron, Misra, Mairal, Goyal, Bojanowski & Joulin: Unsupervised Learning of Visual Features by " +
		"Contrasting Cluster Assignments. NeurIPS 2020, arXiv:2006.09882, section 4.1 and appendix",
	Equation: "L = mean over heads and crops of -log softmax(zCᵀ/τ)ₐ, a the cluster of the image in spherical " +
		"k-means over all images",
	Collapse: "targets from a clustering of the whole data set between epochs, whose centroids are not trained: an " +
		"image keeps its cluster while the network moves",
	Prevents: []Switch{
		{[]string{"method.prototypes=2", "method.heads=1"}, "with two clusters, nearly all images may be in one"},
	},
	Uses: []Part{Clusters},
	New:  func() parallax.Method { return NewDeepClusterV2() },
}

// DeepClusterV2 predicts the cluster of an image. Clusters are found between epochs, from the embeddings of all images.
//
// The embeddings are those of the last epoch, in one memory bank per large crop; before the first epoch they come from
// a pass over the data without training. Official code:
// https://github.com/facebookresearch/swav/blob/06b1b7cbaf6ba2a792300d79c7299db98b93b7f9/main_deepclusterv2.py
type DeepClusterV2 struct {
	part.Crops
	Projector   nn.MLP  // SwAV's
	Heads       int     // independent clusterings, of the crops' banks in turn
	Prototypes  int     // K, the number of clusters of each head
	Iterations  int     // iterations of k-means before an epoch
	Temperature float64 // τ, which divides the cosines

	encoder     parallax.Encoder
	params      *nn.Params
	bank        []torch.Tensor // one per large crop, images x d: rows of length 1, or 0 for an image that was not seen
	prototypes  []torch.Tensor // C of every head, K x d: buffers, because nothing trains them
	assignments []torch.Tensor // a of every head, for every image; unassigned if it has none
}

// NewDeepClusterV2 returns DeepCluster-v2 with the official code's hyperparameters and two large crops.
func NewDeepClusterV2() *DeepClusterV2 {
	return &DeepClusterV2{
		Crops:     part.TwoCrops(),
		Projector: nn.MLP{Widths: []int{2048, 128}, BatchNorm: true},
		Heads:     3, Prototypes: 3000, Iterations: 10, Temperature: 0.1,
	}
}

// Validate checks the hyperparameters.
func (m *DeepClusterV2) Validate() error {
	return part.First(
		m.Crops.Check(), m.Projector.Validate("method.projector"), part.Positive("temperature", m.Temperature),
		part.AtLeast("heads", m.Heads, 1),
		part.AtLeast("prototypes", m.Prototypes, 1),
		part.AtLeast("iterations", m.Iterations, 0),
	)
}

// Views returns one recipe for all crops; crops differ in size and scale.
func (m *DeepClusterV2) Views(size int) []augment.Recipe { return m.Recipes(size) }

// Build makes the encoder, the banks and the clusterings.
func (m *DeepClusterV2) Build(b *parallax.Build) parallax.Encoder {
	m.encoder, m.params = part.NewEncoder(b, b.Params, m.Projector), b.Params
	d, dtype := m.Projector.Out(b.Backbone.Features()), b.Params.DType()
	m.bank, m.prototypes, m.assignments = nil, nil, nil
	for i := range m.LargeCrops {
		m.bank = append(m.bank, b.Params.Sub("bank").Buffer(strconv.Itoa(i), torch.Zeros(dtype, b.Images, d)))
	}
	for h := range m.Heads {
		p := b.Params.Sub("clusters").Sub(strconv.Itoa(h))
		m.prototypes = append(m.prototypes, p.Buffer("prototypes", torch.Zeros(dtype, m.Prototypes, d)))
		m.assignments = append(m.assignments, p.Buffer("assignments", torch.Full(unassigned, torch.I64, b.Images)))
	}
	return m.encoder
}

// Start clusters the banks.
func (m *DeepClusterV2) Start(e *parallax.Epoch) error {
	if m.bank[0].Square().Sum().Item() == 0 {
		if err := m.fill(e); err != nil {
			return err
		}
	}
	for h := range m.Heads {
		if err := torch.Scope(func() error { return m.cluster(h, m.bank[h%len(m.bank)], e.Rand) }); err != nil {
			return err
		}
	}
	return nil
}

// Forward returns z of every crop, and writes those of the large crops into the banks, which only Start reads.
func (m *DeepClusterV2) Forward(s *parallax.Step) []torch.Tensor {
	z := part.EmbedCrops(m.encoder, s.Views)
	torch.NoGrad(func() { m.remember(s, z, m.bank) })
	return z
}

// Joins is true: batch norm sees the crops of one size together.
func (m *DeepClusterV2) Joins() bool { return true }

// Loss is the cross-entropy with the image's cluster, over all crops and heads. An image without a cluster is left out.
func (m *DeepClusterV2) Loss(s *parallax.Step, z []torch.Tensor) torch.Tensor {
	index := torch.FromInts(s.Index, len(s.Index))
	var terms []torch.Tensor
	for h, prototypes := range m.prototypes {
		a := m.assignments[h].IndexSelect(0, index).Unsqueeze(1) // N x 1
		known := a.Ge(torch.Zeros(torch.I64)).To(z[0].DType())
		whole := s.Gather(known)
		rows := float64(whole.Size(0))
		n := whole.Sum().Clamp(1, rows).Scale(float64(len(s.Index)) / rows) // known ones for each process, on average
		a = a.Maximum(torch.Zeros(torch.I64))
		for v := range z {
			logp := z[v].Normalize(1).MatMul(prototypes.T()).Scale(1 / m.Temperature).LogSoftmax(1)
			terms = append(terms, logp.Gather(1, a).Mul(known).Sum().Div(n).Neg()) // -log softmax(zCᵀ/τ)ₐ
			if h == 0 && v == 0 {
				s.Report("prototypes_in_use", part.InUse(logp.Exp()))
			}
		}
	}
	return part.Mean(terms)
}

// unassigned is the cluster of an image that was not in the bank.
const unassigned = -100

// fill makes the first content of the banks, in training mode as the official code does. It leaves batch norm's
// statistics as they were.
func (m *DeepClusterV2) fill(e *parallax.Epoch) error {
	backbone, projector := m.params.Sub("backbone"), m.params.Sub("projector")
	h, z := backbone.State(), projector.State()
	seen := make([]torch.Tensor, len(m.bank))
	for i := range seen {
		seen[i] = torch.Zeros(m.bank[i].DType(), m.bank[i].Shape()...)
	}
	err := e.Visit(func(s *parallax.Step) { m.remember(s, part.Embed(m.encoder, s.Views[:m.LargeCrops]), seen) })
	for i := 0; i < len(seen) && err == nil; i++ {
		seen[i].CopyInto(m.bank[i])
	}
	return errors.Join(err, backbone.Load(h), projector.Load(z))
}

// remember writes the embeddings of the large crops into a bank.
func (m *DeepClusterV2) remember(s *parallax.Step, z, bank []torch.Tensor) {
	index := s.Gather(torch.FromInts(s.Index, len(s.Index)))
	for i := range bank {
		s.Gather(z[i].Detach()).To(bank[i].DType()).Normalize(1).IndexCopyInto(bank[i], index)
	}
}

// cluster makes the prototypes and assignments of head h from a bank.
func (m *DeepClusterV2) cluster(h int, bank torch.Tensor, r *rand.Rand) error {
	var seen []int
	for i, length := range bank.Norm(1).To(torch.F64).Float64s() {
		if length > 0.5 {
			seen = append(seen, i)
		}
	}
	n := len(seen)
	if n < m.Prototypes {
		return fmt.Errorf("method.prototypes is %d and an epoch has %d images: a cluster begins with an image of "+
			"its own, so set it to %d or less", m.Prototypes, n, n)
	}
	index := torch.FromInts(seen, n)
	centroids, nearest, err := part.SphericalKMeans(bank.IndexSelect(0, index), m.Prototypes, m.Iterations, r)
	if err != nil {
		return err
	}
	centroids.CopyInto(m.prototypes[h])
	torch.Full(unassigned, torch.I64, m.assignments[h].Len()).CopyInto(m.assignments[h])
	nearest.IndexCopyInto(m.assignments[h], index)
	return nil
}

// Assign is the prediction of the first head's clusters, N x K. Before the first clustering it is uniform.
func (m *DeepClusterV2) Assign(z torch.Tensor, _ int) torch.Tensor {
	return z.Normalize(1).MatMul(m.prototypes[0].T()).Scale(1 / m.Temperature).Softmax(1)
}

// Collapsed is the loss of equal prototypes: k-means of one point.
func (m *DeepClusterV2) Collapsed(int) parallax.Collapsed {
	return part.Chance(math.Log(float64(m.Prototypes)), "clusters that take nearly all images: more prototypes than "+
		"the images have groups, or a learning rate that is too high")
}
