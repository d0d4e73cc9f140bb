// SPDX-License-Identifier: Apache-2.0

package method

import "github.com/parallax-ssl/parallax/torch"

// Assign is p, the prediction of the codes.
func (m *SwAV) Assign(z torch.Tensor) torch.Tensor {
	return m.scores(z).Scale(1 / m.Temperature).Softmax(1)
}

// Assign is the prediction of the first head's clusters. Before the first clustering it is uniform.
func (m *DeepClusterV2) Assign(z torch.Tensor) torch.Tensor {
	return z.Normalize(1).MatMul(m.prototypes[0].T()).Scale(1 / m.Temperature).Softmax(1)
}

// Assign is P_t: what is evaluated is the teacher.
func (m *DINO) Assign(z torch.Tensor) torch.Tensor { return m.sharpened(m.outputs(z), m.epoch) }

// Assign is the first head's Φ. The heads differ by where they began alone.
func (m *SCAN) Assign(z torch.Tensor) torch.Tensor { return z.Narrow(1, 0, m.Classes).Softmax(1) }

// Assign is Φ.
func (m *SelfLabel) Assign(z torch.Tensor) torch.Tensor { return z.Softmax(1) }
