// SPDX-License-Identifier: Apache-2.0

package method

import (
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/parallax-ssl/parallax"
	"github.com/parallax-ssl/parallax/torch"
)

// unassigned stands for the cluster of an image that was not in the bank.
const unassigned = -100

// fill makes the first content of the banks, in training mode as the official code does, and leaves batch norm's statistics as
// they were.
func (m *DeepClusterV2) fill(e *parallax.Epoch) error {
	backbone, projector := m.params.Sub("backbone"), m.params.Sub("projector")
	h, z := backbone.State(), projector.State()
	seen := make([]torch.Tensor, len(m.bank))
	for i := range seen {
		seen[i] = torch.Zeros(m.bank[i].DType(), m.bank[i].Shape()...)
	}
	err := e.Visit(func(s *parallax.Step) { m.remember(s, embed(m.encoder, s.Views[:m.LargeCrops]), seen) })
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
		return fmt.Errorf("method.prototypes is %d and an epoch has %d images: a cluster begins with an image of its own, so set it to %d or less", m.Prototypes, n, n)
	}
	index := torch.FromInts(seen, n)
	centroids, nearest, err := sphericalKMeans(bank.IndexSelect(0, index), m.Prototypes, m.Iterations, r)
	if err != nil {
		return err
	}
	centroids.CopyInto(m.prototypes[h])
	torch.Full(unassigned, torch.I64, m.assignments[h].Len()).CopyInto(m.assignments[h])
	nearest.IndexCopyInto(m.assignments[h], index)
	return nil
}
