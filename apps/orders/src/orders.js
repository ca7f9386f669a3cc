const MAX_QUANTITY = 1000;
const MAX_ITEM = 100;

/** Orders in memory, oldest first, numbered from 1. */
export function createOrders(now = () => new Date()) {
  const orders = new Map();
  return {
    list: () => [...orders.values()],
    find: (id) => orders.get(id) ?? null,
    add({ item, quantity }) {
      const order = { id: String(orders.size + 1), item, quantity, time: now().toISOString() };
      orders.set(order.id, order);
      return order;
    },
  };
}

/** What is wrong with a wanted order, a sentence each; none if it can be taken. */
export function problems(wanted) {
  if (wanted === null || typeof wanted !== 'object' || Array.isArray(wanted))
    return ['an order is an object'];
  const { item, quantity } = wanted;
  const found = [];
  if (typeof item !== 'string' || item.trim() === '' || item.length > MAX_ITEM)
    found.push(`item must be a text of 1 to ${MAX_ITEM} characters`);
  if (!Number.isInteger(quantity) || quantity < 1 || quantity > MAX_QUANTITY)
    found.push(`quantity must be a whole number from 1 to ${MAX_QUANTITY}`);
  return found;
}
