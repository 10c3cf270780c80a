#include <nlohmann/json.hpp>

#include "experiments/command.hpp"
#include "experiments/output.hpp"
#include "experiments/targets.hpp"

namespace lml {

int targets_command(const Common& common) {
  Json list = Json::array();
  std::vector<std::vector<std::string>> rows{{"target", "d", "size", "what it is good for"}};
  for (const BuiltinTarget& t : builtin_targets()) {
    const bool here = t.here();
    list.push_back({{"name", t.name}, {"dimension", t.dim}, {"size", t.size}, {"purpose", t.purpose}, {"here", here}});
    rows.push_back({std::string(t.name), std::to_string(t.dim), std::to_string(t.size),
                    std::string(t.purpose) + (here ? "" : " (not here)")});
  }
  if (common.json)
    print(dump(Json{{"targets", list}}) + '\n');
  else
    print(table(rows, "lrrl") + "\nlml score --set target=ring8 --set alpha=0.8 --set sigma=0.6 --set 'at=[[1,0]]'\n");
  return 0;
}

}  // namespace lml
