// The shortcodes people and bots use most; an unknown one stays as typed.
const LIST = `
+1 👍 thumbsup 👍 -1 👎 thumbsdown 👎 ok_hand 👌 wave 👋 raised_hands 🙌 clap 👏 pray 🙏 muscle 💪 point_up ☝️ point_right 👉 point_left 👈 point_down 👇 handshake 🤝 eyes 👀
smile 😄 smiley 😃 grin 😁 grinning 😀 joy 😂 slightly_smiling_face 🙂 wink 😉 blush 😊 heart_eyes 😍 thinking_face 🤔 thinking 🤔 neutral_face 😐 sweat_smile 😅 sob 😭 cry 😢 angry 😠
scream 😱 sunglasses 😎 tada 🎉 partying_face 🥳 robot_face 🤖 robot 🤖 ghost 👻 skull 💀 fire 🔥 boom 💥 sparkles ✨ star ⭐ star2 🌟 zap ⚡ rainbow 🌈 sunny ☀️ cloud ☁️ snowflake ❄️ umbrella ☔
warning ⚠️ no_entry ⛔ no_entry_sign 🚫 octagonal_sign 🛑 stop_sign 🛑 rotating_light 🚨 construction 🚧 bell 🔔 no_bell 🔕 mega 📣 loudspeaker 📢 speech_balloon 💬 thought_balloon 💭
white_check_mark ✅ heavy_check_mark ✔️ ballot_box_with_check ☑️ x ❌ negative_squared_cross_mark ❎ question ❓ grey_question ❔ exclamation ❗ grey_exclamation ❕ bangbang ‼️ information_source ℹ️ 100 💯
red_circle 🔴 large_orange_circle 🟠 large_yellow_circle 🟡 large_green_circle 🟢 large_blue_circle 🔵 large_purple_circle 🟣 white_circle ⚪ black_circle ⚫ large_red_square 🟥 large_orange_square 🟧
large_yellow_square 🟨 large_green_square 🟩 large_blue_square 🟦 small_red_triangle 🔺 small_red_triangle_down 🔻 small_blue_diamond 🔹 small_orange_diamond 🔸 black_small_square ▪️ white_small_square ▫️
arrow_up ⬆️ arrow_down ⬇️ arrow_left ⬅️ arrow_right ➡️ arrow_upper_right ↗️ arrow_lower_right ↘️ arrows_counterclockwise 🔄 leftwards_arrow_with_hook ↩️ arrow_forward ▶️ fast_forward ⏩ double_vertical_bar ⏸️ black_square_for_stop ⏹️
heavy_plus_sign ➕ heavy_minus_sign ➖ heavy_multiplication_x ✖️ heavy_dollar_sign 💲 dollar 💵 euro 💶 pound 💷 yen 💴 moneybag 💰 money_with_wings 💸 credit_card 💳 receipt 🧾 coin 🪙 chart 💹
chart_with_upwards_trend 📈 chart_with_downwards_trend 📉 bar_chart 📊 clipboard 📋 memo 📝 pencil 📝 pencil2 ✏️ page_facing_up 📄 file_folder 📁 open_file_folder 📂 card_index_dividers 🗂️ date 📅 calendar 📆 spiral_calendar_pad 🗓️
clock1 🕐 alarm_clock ⏰ stopwatch ⏱️ hourglass ⌛ hourglass_flowing_sand ⏳ timer_clock ⏲️ bulb 💡 mag 🔍 mag_right 🔎 lock 🔒 unlock 🔓 key 🔑 shield 🛡️ gear ⚙️ wrench 🔧 hammer_and_wrench 🛠️ hammer 🔨 link 🔗 pushpin 📌 round_pushpin 📍
computer 💻 desktop_computer 🖥️ floppy_disk 💾 battery 🔋 electric_plug 🔌 satellite 🛰️ rocket 🚀 airplane ✈️ snail 🐌 turtle 🐢 bug 🐛 bee 🐝 whale 🐳 seedling 🌱 evergreen_tree 🌲 earth_americas 🌎 globe_with_meridians 🌐
heart ❤️ yellow_heart 💛 green_heart 💚 blue_heart 💙 purple_heart 💜 broken_heart 💔 trophy 🏆 medal 🏅 first_place_medal 🥇 second_place_medal 🥈 third_place_medal 🥉 dart 🎯 game_die 🎲 gift 🎁 coffee ☕ pizza 🍕 beers 🍻 cake 🍰
checkered_flag 🏁 triangular_flag_on_post 🚩 white_flag 🏳️ label 🏷️ bookmark 🔖 package 📦 inbox_tray 📥 outbox_tray 📤 email 📧 envelope ✉️ telephone_receiver 📞 iphone 📱 house 🏠 office 🏢 factory 🏭 bank 🏦 brain 🧠 abacus 🧮 scales ⚖️ thermometer 🌡️ droplet 💧
sos 🆘 new 🆕 up 🆙 cool 🆒 free 🆓 ok 🆗 zzz 💤 recycle ♻️ infinity ♾️ one 1️⃣ two 2️⃣ three 3️⃣ four 4️⃣ five 5️⃣ six 6️⃣ seven 7️⃣ eight 8️⃣ nine 9️⃣ zero 0️⃣`.trim().split(/\s+/);

const EMOJI = new Map();
for (let i = 0; i < LIST.length; i += 2) EMOJI.set(LIST[i], LIST[i + 1]);

export const emojiCount = EMOJI.size;
export const emojiOf = (name) => EMOJI.get(String(name).replace(/::skin-tone-\d$/, "")) ?? null;

/** The character for a name, or for the hex code points Slack sends beside it. */
export function emojiFor(name, unicode) {
  const known = emojiOf(name);
  if (known) return known;
  const points = String(unicode ?? "").split("-").map((part) => parseInt(part, 16));
  const usable = points.every((point) => Number.isInteger(point) && point > 0x7f && point <= 0x10ffff);
  return usable ? String.fromCodePoint(...points) : `:${name}:`;
}

export const withEmoji = (text) => String(text ?? "").replace(/:([a-z0-9_+-]+)(::skin-tone-\d)?:/g, (whole, name) => emojiOf(name) ?? whole);
