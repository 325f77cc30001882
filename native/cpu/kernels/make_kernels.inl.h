// Puts the bodies together into one Kernels. Included by kernels_<isa>.cc inside an anonymous
// namespace, after Vec.

// Own index lists: nothing of <utility> may be instantiated under this file's flags.
template <size_t... I>
struct Indices {};
template <size_t N, size_t... I>
struct MakeIndices : MakeIndices<N - 1, N - 1, I...> {};
template <size_t... I>
struct MakeIndices<0, I...> {
  using Type = Indices<I...>;
};

// Later bodies use earlier ones.
// clang-format off
#include "native/cpu/kernels/gemm_f32.inl.h"
#include "native/cpu/kernels/widen_f32.inl.h"
#include "native/cpu/kernels/planar_f32.inl.h"
#include "native/cpu/kernels/depthwise_f32.inl.h"
#include "native/cpu/kernels/winograd_f32.inl.h"
#include "native/cpu/kernels/math.inl.h"
#include "native/cpu/kernels/epilogue.inl.h"
#include "native/cpu/kernels/measure.inl.h"
#include "native/cpu/kernels/op_kernels.inl.h"
// clang-format on

template <TileShape SHAPE>
constexpr Kernels make_kernels(const char* isa) {
  constexpr size_t MR = SHAPE.mr;
  constexpr size_t RUN = SHAPE.run_rows;
  static_assert(MR <= RUN && RUN <= kMaxTileRows && SHAPE.panels <= kMaxTilePanels);
  Kernels kernels{};
  kernels.isa = isa;
  kernels.mr = MR;
  kernels.panels = SHAPE.panels;
  kernels.run_rows = RUN;
  fill_gemm<SHAPE, float>(kernels.gemm[static_cast<size_t>(WeightType::kFp32)]);
  fill_gemm<SHAPE, Half>(kernels.gemm[static_cast<size_t>(WeightType::kFp16)]);
  fill_gemm<SHAPE, int8_t>(kernels.gemm[static_cast<size_t>(WeightType::kInt8)]);
  kernels.widen = widen_f32;
  kernels.depthwise = depthwise_f32;
  kernels.lanes = Vec::kLanes;
  fill_planar(kernels, typename MakeIndices<kMaxPlanarRows>::Type{});
  fill_winograd_pairs(kernels.winograd[1 - kMinWinogradTile]);
  fill_winograd<2>(kernels.winograd[2 - kMinWinogradTile]);
  fill_winograd<3>(kernels.winograd[3 - kMinWinogradTile]);
  fill_winograd<4>(kernels.winograd[4 - kMinWinogradTile]);
  kernels.epilogue = epilogue_f32;
  kernels.ops = make_op_kernels();
  kernels.fma_rounds = fma_rounds;
  kernels.read_all = read_all;
  return kernels;
}
